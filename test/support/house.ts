import { readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort, ROOT, run, waitFor, type Running } from './process.ts'

/** Where the house under test finds its dependencies; each may be private to the test. */
export interface HouseOptions {
  databaseUrl: string
  rabbitUrl: string
  redisUrl: string
  /** Prefix of exchanges, queues and cache keys; its topology must be applied. */
  namespace: string
  /** More settings for every service. */
  env?: Record<string, string>
}

export interface GatewayProcess extends Running {
  url: string
}

export interface GatewayOptions {
  env?: Record<string, string>
  /** Modules loaded before its own: how a drill breaks what it wants to see missed. */
  preload?: readonly string[]
  /** Where its log goes, instead of to whoever started it. */
  logFile?: string
}

/** Real processes of the real services, as an operator starts them. */
export interface House {
  startGateway: (options?: GatewayOptions) => Promise<GatewayProcess>
  startScheduler: (nodeOptions?: readonly string[]) => Promise<Running>
  /** `preload`: modules loaded before its own, as for a gateway. */
  startWorker: (env?: Record<string, string>, preload?: readonly string[]) => Promise<Running>
  /** Stops whatever still runs; throws if one of them did not exit with 0 (unless it was killed on purpose). */
  stop: () => Promise<void>
}

const nodeOptionsIn = (dockerfile: string): string => {
  const options = /^ENV NODE_OPTIONS="(.+)"$/m.exec(dockerfile)?.[1]
  if (options === undefined) throw new Error('The Dockerfile sets no NODE_OPTIONS')
  return options
}

/** As the image starts them, memory bound included. */
export const NODE_OPTIONS = nodeOptionsIn(readFileSync(join(ROOT, 'Dockerfile'), 'utf8'))
const NODE = [process.execPath, '--import', './shared/src/instrument.ts'] as const

export const createHouse = async (options: HouseOptions): Promise<House> => {
  const spool = await mkdtemp(join(tmpdir(), 'sluice-spool-'))
  const running: Running[] = []
  const base = {
    DATABASE_URL: options.databaseUrl,
    RABBITMQ_URL: options.rabbitUrl,
    REDIS_URL: options.redisUrl,
    SLUICE_NAMESPACE: options.namespace,
    LOG_LEVEL: 'info',
    NODE_OPTIONS,
    WORKER_HEALTH_PORT: '0',
    SCHEDULER_HEALTH_PORT: '0',
    SCHEDULER_SPOOL_DIR: spool,
    ...options.env
  }

  const start = async (
    room: string,
    env: Record<string, string> = {},
    nodeOptions: readonly string[] = [],
    isUp: (service: Running) => boolean | Promise<boolean> = hasStarted,
    outputFile?: string
  ): Promise<Running> => {
    const [node, ...args] = NODE
    const service = run(node, [...nodeOptions, ...args, `${room}/src/main.ts`], {
      cwd: ROOT,
      env: { ...base, ...env },
      ...(outputFile === undefined ? {} : { outputFile })
    })
    running.push(service)
    await waitFor(`the ${room} to start`, async () => {
      const ended = await Promise.race([service.exit, Promise.resolve(undefined)])
      if (ended !== undefined) throw new Error(`the ${room} ended:\n${service.output()}`)
      return isUp(service)
    })
    return service
  }
  const hasStarted = (service: Running): boolean => service.lines().some((line) => line['msg'] === 'started')

  return {
    startGateway: async ({ env = {}, preload = [], logFile } = {}) => {
      const port = await freePort()
      const url = `http://127.0.0.1:${port}`
      const service = await start(
        'gateway',
        { GATEWAY_HOST: '127.0.0.1', GATEWAY_PORT: String(port), ...env },
        preload.flatMap((module) => ['--import', module]),
        async () => (await fetch(`${url}/livez`)).ok, // one that logs only errors does not say that it has started
        logFile
      )
      return { ...service, url }
    },
    startScheduler: (nodeOptions = []) => start('scheduler', {}, nodeOptions),
    startWorker: (env = {}, preload = []) =>
      start(
        'worker',
        env,
        preload.flatMap((module) => ['--import', module])
      ),
    stop: async () => {
      const ends = await Promise.all(running.map(async (service) => ({ service, end: await service.stop() })))
      await rm(spool, { recursive: true, force: true })
      const bad = ends.find(({ end }) => end.code !== 0 && end.signal !== 'SIGKILL')
      if (bad !== undefined) {
        throw new Error(
          `a service ended with ${bad.end.code ?? bad.end.signal}:\n${bad.service.output().slice(-4_000)}`
        )
      }
    }
  }
}
