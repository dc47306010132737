import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect } from 'amqplib'
import { freePort, runToEnd, waitFor } from './process.ts'

/** A RabbitMQ of the test's own: only what we started may be stopped, frozen or killed. */
export interface PrivateRabbit {
  url: string
  port: number
  /** The management UI and HTTP API, user and password `guest`; undefined without `management`. */
  managementUrl: string | undefined
  start: () => Promise<void>
  /** As an operator stops it: clients are told. */
  stop: () => Promise<void>
  /** SIGKILL: the power cord. */
  kill: () => Promise<void>
  /** SIGSTOP: connections stay open and nothing answers. */
  freeze: () => Promise<void>
  thaw: () => Promise<void>
  /** With an alarm the broker reads nothing more from connections that publish. */
  setMemoryAlarm: (raised: boolean) => Promise<void>
  /** `rabbitmqctl` on this broker; returns what it prints. */
  control: (...args: string[]) => Promise<string>
  /** What it has logged so far. */
  log: () => Promise<string>
  remove: () => Promise<void>
}

export interface PrivateRabbitOptions {
  /** Enables the management plugin on a port of its own. */
  management?: boolean
  /** Lines for its `rabbitmq.conf`. */
  config?: readonly string[]
  /** Erlang terms for its `advanced.config`, like `[{rabbit, [{consumer_timeout, 2000}]}].` */
  advancedConfig?: string
}

const BIN_FOLDERS = ['/usr/lib/rabbitmq/bin', '/opt/rabbitmq/sbin', '/opt/homebrew/sbin', '/usr/local/sbin']
/** Of a machine that does everything at once; one that ends instead is not waited for. */
const START_TIMEOUT_MS = 180_000

/** Where the server's own scripts are; `TEST_RABBITMQ_BIN` names another installation. */
const binFolder =
  process.env.TEST_RABBITMQ_BIN ?? BIN_FOLDERS.find((folder) => existsSync(join(folder, 'rabbitmq-server')))

/** Why a test that needs a broker of its own cannot run here; undefined when it can. */
export const noPrivateRabbit: string | undefined =
  binFolder === undefined ? 'no RabbitMQ server is installed on this machine' : undefined

/**
 * Starts one; everything it writes is in a folder of its own, and it cannot outlive this process. Should it not come up,
 * another is started on other ports: between our look and its bind, somebody else may have taken one.
 */
export const startPrivateRabbit = async (options: PrivateRabbitOptions = {}): Promise<PrivateRabbit> => {
  if (binFolder === undefined) throw new Error(noPrivateRabbit)
  return startOnce(binFolder, options).catch(() => startOnce(binFolder, options))
}

const startOnce = async (
  bin: string,
  { management = false, config = [], advancedConfig = '[].' }: PrivateRabbitOptions
): Promise<PrivateRabbit> => {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-rabbit-'))
  const [port, distributionPort, managementPort] = [await freePort(), await freePort(), await freePort()]
  const pidFile = join(folder, 'pid')
  const file = async (name: string, content: string, mode = 0o644): Promise<string> => {
    const path = join(folder, name)
    await writeFile(path, content, { mode })
    return path
  }
  await file('.erlang.cookie', `sluice${port}`, 0o400)
  await mkdir(join(folder, 'log'))
  const env = {
    HOME: folder,
    RABBITMQ_NODENAME: `sluice-test-${port}@localhost`,
    RABBITMQ_NODE_PORT: String(port),
    RABBITMQ_NODE_IP_ADDRESS: '127.0.0.1',
    RABBITMQ_DIST_PORT: String(distributionPort),
    RABBITMQ_MNESIA_BASE: join(folder, 'mnesia'),
    RABBITMQ_LOG_BASE: join(folder, 'log'),
    RABBITMQ_PID_FILE: pidFile,
    RABBITMQ_ENABLED_PLUGINS_FILE: await file(
      'enabled_plugins',
      management ? '[rabbitmq_management].\n' : '[].\n'
    ),
    RABBITMQ_CONFIG_FILE: await file(
      'rabbitmq.conf',
      [
        'disk_free_limit.absolute = 10MB',
        // A second node on the machine: an alarm is raised by the test, not by its neighbours.
        'vm_memory_high_watermark.relative = 0.9',
        `management.tcp.ip = 127.0.0.1\nmanagement.tcp.port = ${managementPort}`,
        ...config
      ]
        .filter((line) => management || !line.startsWith('management.'))
        .join('\n') + '\n'
    ),
    RABBITMQ_ADVANCED_CONFIG_FILE: await file('advanced.config', `${advancedConfig}\n`),
    RABBITMQ_CONF_ENV_FILE: await file('rabbitmq-env.conf', '')
  }
  const url = `amqp://guest:guest@127.0.0.1:${port}`
  const managementUrl = management ? `http://127.0.0.1:${managementPort}` : undefined
  let group: ChildProcess | undefined

  const start = async (): Promise<void> => {
    await rm(pidFile, { force: true })
    group = await startGroup(join(bin, 'rabbitmq-server'), env, folder)
    const ended = once(group, 'exit').then(() => {
      throw new Error('the private RabbitMQ ended while it started')
    })
    const isReady = async (): Promise<boolean> => {
      await (await connect(url, { timeout: 2_000 })).close()
      return managementUrl === undefined || (await fetch(managementUrl)).ok
    }
    const options = { timeoutMs: START_TIMEOUT_MS, everyMs: 100 }
    await Promise.race([waitFor('the private RabbitMQ to answer', isReady, options), ended])
    ended.catch(() => undefined) // from now on it may end
  }

  /** Of the Erlang machine itself, as it wrote it into our own folder. */
  const pid = async (): Promise<number> => Number(await readFile(pidFile, 'utf8'))

  const kill = async (): Promise<void> => {
    if (group?.pid === undefined || group.exitCode !== null || group.signalCode !== null) return
    const ended = once(group, 'exit')
    process.kill(-group.pid, 'SIGKILL')
    await ended
  }

  const stop = async (): Promise<void> => {
    const server = await pid()
    process.kill(server, 'SIGTERM')
    await waitFor('the private RabbitMQ to stop', () => !isAlive(server))
    await kill() // only the shell around it is left
  }

  const control = (...args: string[]): Promise<string> =>
    runToEnd(join(bin, 'rabbitmqctl'), ['--quiet', ...args], { env })

  const remove = async (): Promise<void> => {
    await kill()
    await rm(folder, { recursive: true, force: true, maxRetries: 5 })
  }

  try {
    await start()
  } catch (cause) {
    const said = await readFile(join(folder, 'log', 'console.log'), 'utf8')
    await remove()
    throw new Error(`the private RabbitMQ did not start; it said: ${said.slice(-2_000)}`, { cause })
  }
  return {
    url,
    port,
    managementUrl,
    start,
    stop,
    kill,
    freeze: async () => {
      const server = await pid()
      process.kill(server, 'SIGSTOP')
      await waitFor('the private RabbitMQ to stand still', () => isStopped(server), { everyMs: 5 })
    },
    thaw: async () => void process.kill(await pid(), 'SIGCONT'),
    setMemoryAlarm: async (raised) =>
      void (await control('set_vm_memory_high_watermark', raised ? '0.00001' : '0.9')),
    control,
    log: () => readFile(join(folder, 'log', `${env.RABBITMQ_NODENAME}.log`), 'utf8'),
    remove
  }
}

/**
 * The server in a process group of its own, with a dead man's switch: when our end of the pipe closes, however this
 * process dies, the group removes its folder and kills itself. It does when the server ends, too.
 */
const startGroup = async (
  server: string,
  env: Record<string, string>,
  folder: string
): Promise<ChildProcess> => {
  const log = await open(join(folder, 'log', 'console.log'), 'a')
  const script = '("$0" </dev/null; kill -KILL 0) & cat >/dev/null; rm -rf "$1"; kill -KILL 0'
  try {
    return spawn('/bin/sh', ['-c', script, server, folder], {
      env: { ...process.env, ...env },
      stdio: ['pipe', log.fd, log.fd],
      detached: true
    })
  } finally {
    await log.close()
  }
}

/** A stop is a signal like any other: on a busy machine the server goes on answering until it gets to it. */
const isStopped = async (pid: number): Promise<boolean> =>
  (await runToEnd('ps', ['-o', 'state=', '-p', String(pid)])).startsWith('T')

const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}
