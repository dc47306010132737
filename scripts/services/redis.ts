import { access } from 'node:fs/promises'
import { Redis } from 'ioredis'
import { mustRun } from '../command.ts'
import { toAnswer, type Answer, type Service } from './service.ts'

const PORT = 6379

const probe = async (url: string): Promise<Answer> => {
  const redis = new Redis(url, {
    lazyConnect: true,
    connectTimeout: 3_000,
    commandTimeout: 3_000,
    maxRetriesPerRequest: 0,
    retryStrategy: () => null
  })
  let cause: unknown // `connect` only says that the connection is closed; the event says why
  redis.on('error', (error) => (cause ??= error))
  try {
    await redis.connect()
    await redis.ping()
    return { state: 'up' }
  } catch (error) {
    return toAnswer(cause ?? error)
  } finally {
    redis.disconnect()
  }
}

/** A cache: nothing is kept on disk, and it listens to this machine only. */
const start = async (): Promise<string> => {
  const settings = ['--port', String(PORT), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no']
  await mustRun('runuser', ['-u', 'redis', '--', 'redis-server', '--daemonize', 'yes', ...settings], {
    cwd: '/'
  })
  return `redis://127.0.0.1:${PORT}`
}

export const redis: Service = {
  name: 'redis',
  title: 'Redis',
  variable: 'REDIS_URL',
  usual: [`redis://127.0.0.1:${PORT}`],
  probe,
  debian: {
    packages: ['redis-server'],
    isInstalled: () =>
      access('/usr/bin/redis-server').then(
        () => true,
        () => false
      ),
    start
  }
}
