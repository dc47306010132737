import { Redis } from 'ioredis'
import { freePort, run, waitFor, type Running } from './process.ts'

/** A Redis of the test's own, on a private port, keeping nothing on disk. */
export interface PrivateRedis {
  url: string
  start: () => Promise<void>
  stop: () => Promise<void>
  signal: (signal: NodeJS.Signals) => void
}

export const startPrivateRedis = async (): Promise<PrivateRedis> => {
  const port = await freePort()
  let server: Running | undefined
  const start = async (): Promise<void> => {
    server = run(
      'redis-server',
      ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'],
      { cwd: '/tmp' }
    )
    const probe = new Redis({
      port,
      host: '127.0.0.1',
      lazyConnect: true,
      retryStrategy: (n) => Math.min(50 * n, 500)
    })
    probe.on('error', () => undefined) // refused until it listens
    await waitFor('the private redis to answer', () => probe.ping())
    probe.disconnect()
  }
  await start()
  return {
    url: `redis://127.0.0.1:${port}`,
    start,
    stop: async () => void (await server?.stop(2_000)),
    signal: (signal) => server?.signal(signal)
  }
}
