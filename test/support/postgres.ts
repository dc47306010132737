import { chown, mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { codeOf } from '@sluice/shared/errors'
import { freePort, runToEnd } from './process.ts'

/** A PostgreSQL of the test's own, on a private port: only what we started may be stopped or killed. */
export interface PrivatePostgres {
  /** URL of its `postgres` database. */
  url: string
  port: number
  start: () => Promise<void>
  /** `fast` disconnects clients, `immediate` is a crash. */
  stop: (mode: 'fast' | 'immediate') => Promise<void>
  /** SIGSTOP to the server and all it has started: connections stay open and nothing answers. */
  freeze: () => Promise<void>
  thaw: () => Promise<void>
  remove: () => Promise<void>
}

/** Starts one with `settings` in its configuration; needs Debian's `postgresql` package. */
export const startPrivatePostgres = async (
  settings: Record<string, string> = {}
): Promise<PrivatePostgres> => {
  const bin = await binFolder()
  const owner = process.getuid?.() === 0 ? await postgresUser() : {}
  const folder = await mkdtemp(join(tmpdir(), 'sluice-postgres-'))
  if (owner.uid !== undefined && owner.gid !== undefined) await chown(folder, owner.uid, owner.gid)
  const data = join(folder, 'data')
  const port = await freePort()
  const as = { ...owner, cwd: folder, env: { LC_ALL: 'C.UTF-8' } }
  await runToEnd(
    join(bin, 'initdb'),
    ['-D', data, '-U', 'postgres', '--auth=trust', '--encoding=UTF8', '--no-sync'],
    as
  )

  const options = Object.entries({
    listen_addresses: '127.0.0.1',
    port: String(port),
    unix_socket_directories: folder,
    ...settings
  })
    .map(([name, value]) => `-c ${name}=${value}`)
    .join(' ')
  const control = (...args: string[]): Promise<string> =>
    runToEnd(join(bin, 'pg_ctl'), ['-D', data, '-w', ...args], as)
  const start = async (): Promise<void> =>
    void (await control('start', '-l', join(folder, 'log'), '-o', options))
  const stop = async (mode: 'fast' | 'immediate'): Promise<void> => void (await control('stop', '-m', mode))

  /** The server, then everything it has started; frozen in this order it starts nothing meanwhile. */
  const signalAll = async (signal: NodeJS.Signals): Promise<void> => {
    const server = Number((await readFile(join(data, 'postmaster.pid'), 'utf8')).split('\n')[0])
    process.kill(server, signal)
    const children = await runToEnd('ps', ['-o', 'pid=', '--ppid', String(server)])
    for (const pid of children.trim().split(/\s+/)) signalIfAlive(Number(pid), signal)
  }

  await start()
  return {
    url: `postgresql://postgres@127.0.0.1:${port}/postgres`,
    port,
    start,
    stop,
    freeze: () => signalAll('SIGSTOP'),
    thaw: () => signalAll('SIGCONT'),
    remove: async () => {
      await stop('immediate').catch(() => undefined) // it may be stopped already
      await rm(folder, { recursive: true, force: true })
    }
  }
}

const binFolder = async (): Promise<string> => {
  const base = '/usr/lib/postgresql'
  const versions = await readdir(base).catch(() => [])
  const newest = versions.toSorted((a, b) => Number(b) - Number(a))[0]
  if (newest === undefined)
    throw new Error(`No PostgreSQL server under ${base}: install the package postgresql`)
  return join(base, newest, 'bin')
}

/** PostgreSQL refuses to run as root. */
const postgresUser = async (): Promise<{ uid?: number; gid?: number }> => {
  const [uid, gid] = await Promise.all([
    runToEnd('id', ['-u', 'postgres']),
    runToEnd('id', ['-g', 'postgres'])
  ])
  return { uid: Number(uid), gid: Number(gid) }
}

/** A session that has ended since it was listed needs no signal. */
const signalIfAlive = (pid: number, signal: NodeJS.Signals): void => {
  try {
    process.kill(pid, signal)
  } catch (thrown) {
    if (codeOf(thrown) !== 'ESRCH') throw thrown
  }
}
