import type { Db, Sql } from '@sluice/prisma/client'
import type { Publisher } from '@sluice/shared/broker'
import { DependencyError } from '@sluice/shared/errors'
import { createLogger } from '@sluice/shared/log'
import { createSealing, type Sealing } from '@sluice/shared/sealing'
import { createTopology, type Topology } from '@sluice/shared/topology'
import {
  loadBrokerConfig,
  loadCacheConfig,
  loadSealingConfig,
  loadShellConfig,
  loadStoreConfig
} from './config.ts'
import type { Output } from './output.ts'
import type { Shell } from './shell.ts'

/** What a command works with. Everything is opened at its first use and closed once, at the end. */
export interface Context extends Pick<Shell, 'environment' | 'stdin'> {
  out: Output
  /** Where a path that is typed begins. */
  folder: () => string
  /** @throws ConfigError when DATABASE_URL is missing or wrong. */
  sql: () => Promise<Sql>
  /** All of it or nothing. */
  transaction: <T>(work: (tx: Sql) => Promise<T>) => Promise<T>
  /** @throws ConfigError when SLUICE_SECRETS_KEY is missing or wrong. */
  sealing: () => Sealing
  broker: () => { url: string; topology: Topology }
  /** @throws DependencyError `BROKER_DOWN` when RabbitMQ does not answer in time. */
  publisher: () => Promise<Publisher>
  /** Tells gateways and workers that a source's settings changed. Best effort: they also poll. */
  announce: (sourceSlug: string) => Promise<void>
  /**
   * For a command that can stop half-way and say how far it came: aborted by the first Ctrl-C, while a second one ends
   * the process. A command that never asks for it ends at the first.
   */
  interruption: () => AbortSignal
  close: () => Promise<void>
}

const BROKER_WAIT_MS = 5_000
const CACHE_WAIT_MS = 500
const CACHE_PROBE_MS = 10

export const createContext = (out: Output, shell: Shell): Context => {
  const { environment, stdin, cwd, onInterrupt } = shell
  // The libraries' own remarks would stand between a command and its answer; what matters to a person is thrown.
  const log = createLogger({ service: 'cli', level: 'silent' })
  const closers: (() => Promise<void>)[] = []
  let db: Db | undefined
  let publisher: Publisher | undefined

  const open = async (): Promise<Db> => {
    if (db !== undefined) return db
    const { DATABASE_URL: url } = loadStoreConfig(environment)
    const { createDb } = await import('@sluice/prisma/client')
    const opened = createDb({ url, poolSize: 2, applicationName: 'sluice-cli' })
    closers.push(() => opened.close())
    db = opened
    return opened
  }

  const broker: Context['broker'] = () => {
    const config = loadBrokerConfig(environment)
    return { url: config.RABBITMQ_URL, topology: createTopology(config.SLUICE_NAMESPACE) }
  }

  return {
    out,
    environment,
    stdin,
    folder: () => loadShellConfig(environment).INIT_CWD ?? cwd(),
    interruption: () => {
      const interrupted = new AbortController()
      onInterrupt(() => interrupted.abort())
      return interrupted.signal
    },
    sql: async () => (await open()).sql,
    transaction: async (work) => (await open()).transaction(work),
    sealing: () => {
      const found = createSealing(loadSealingConfig(environment))
      if (found === undefined) throw new Error('the settings hold no master key')
      return found
    },
    broker,
    publisher: async () => {
      if (publisher !== undefined) return publisher
      const { url } = broker()
      const { createPublisher, createSession } = await import('@sluice/shared/broker')
      const session = createSession({ url, name: 'cli.publish', log })
      closers.push(() => session.close())
      let failed: Error | undefined
      session.onFailed((error) => {
        failed = error
      })
      publisher = createPublisher(session, { log })
      session.start()
      if (await publisher.whenReady(BROKER_WAIT_MS)) return publisher
      throw failed ?? new DependencyError('rabbitmq', 'BROKER_DOWN', 'RabbitMQ does not answer')
    },
    announce: async (sourceSlug) => {
      const { REDIS_URL: url, SLUICE_NAMESPACE: namespace } = loadCacheConfig(environment)
      if (url === undefined) return
      const { createCache, SOURCES_CHANNEL } = await import('@sluice/shared/cache')
      const cache = createCache({ url, namespace, log, timeoutMs: CACHE_WAIT_MS })
      const until = Date.now() + CACHE_WAIT_MS
      while (!cache.isUp() && Date.now() < until) {
        await new Promise((resolve) => setTimeout(resolve, CACHE_PROBE_MS))
      }
      await cache.publish(SOURCES_CHANNEL, sourceSlug)
      await cache.close()
    },
    close: async () => {
      for (const close of closers.toReversed()) await close()
    }
  }
}
