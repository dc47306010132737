import { Redis } from 'ioredis'
import { createPublisher, createSession, type Publisher } from '@sluice/shared/broker'
import type { Outcome } from '@sluice/shared/change'
import { recordHash, toMessage, type Envelope, type OutgoingMessage } from '@sluice/shared/envelope'
import { createLogger } from '@sluice/shared/log'
import { fromDate } from '@sluice/shared/time'
import { createSource } from '@sluice/prisma/tables/sources'
import { createVendor } from '@sluice/prisma/tables/vendors'
import { loadWorkerConfig } from '../../worker/src/config.ts'
import { startWorker, type WorkerOptions } from '../../worker/src/worker.ts'
import { createTestBroker, type TestBroker } from './broker.ts'
import { createDatabase, type TestDatabase } from './database.ts'
import { createHouse } from './house.ts'
import { waitFor, type Running } from './process.ts'
import { services } from './services.ts'

/** A worker's surroundings: database, broker namespace, one vendor with a webhook and a feed, and a publisher. */
export interface Workshop {
  database: TestDatabase
  broker: TestBroker
  publisher: Publisher
  /** The settings of a worker here, as its environment. */
  env: Record<string, string>
  /** A worker in this process; `env` overrides settings. Stopped with the workshop unless it was before. */
  startWorker: (options?: Partial<WorkerOptions> & { env?: Record<string, string> }) => Promise<RunningWorker>
  send: (...messages: readonly OutgoingMessage[]) => Promise<void>
  /** Any message: an envelope of the webhook `crm`, unless it says otherwise. */
  message: (
    envelope: Partial<Envelope> & { messageId: string },
    record: HookRecord,
    at: number
  ) => OutgoingMessage
  /** A message of the webhook `crm`, in format `sluice`; facts are `at` seconds old-fashioned time, larger is newer. */
  hook: (messageId: string, record: HookRecord, at: number, headers?: Headers) => OutgoingMessage
  /** A message of the feed `feed`, in format `sluice`. */
  feed: (run: number, ordinal: number, record: HookRecord, at: number) => OutgoingMessage
  /** What the books say of webhook messages, by message id. */
  outcomes: () => Promise<Record<string, Outcome>>
  /** A worker as a process of its own; see `sumOf` for what its batches say. */
  startProcess: (env?: Record<string, string>, preload?: readonly string[]) => Promise<Running>
  /** What the books say of feed records, by external id. */
  feedOutcomes: () => Promise<Record<string, Outcome>>
  waitForOutcomes: (...messageIds: readonly string[]) => Promise<Record<string, Outcome>>
  query: <T>(sql: string) => Promise<T[]>
  remove: () => Promise<void>
}

export interface RunningWorker {
  healthPort: number
  /** Of `/metrics`, if `WORKER_METRICS_PORT` asks for it. */
  metricsPort: number | undefined
  stop: () => Promise<void>
}

export type HookRecord = Record<string, unknown> & { id: string }
type Headers = Record<string, string | number>

/** Fewer than a publisher lets stand in line. */
const SEND_AT_ONCE = 500
const BASE_SECONDS = 1_700_000_000

/** A complete record of the format `sluice`. */
export const flat = (id: string, amount: string | number = 185_000): HookRecord => ({
  id,
  transaction: 'sale',
  property: { type: 'apartment' },
  price: { amount, currency: 'EUR' },
  location: { country: 'Spain', city: 'Nerja' }
})

export interface WorkshopOptions {
  /** A private one, to be stopped. */
  database?: TestDatabase
  rabbitUrl?: string
  redisUrl?: string
}

export const createWorkshop = async (options: WorkshopOptions = {}): Promise<Workshop> => {
  const database = options.database ?? (await createDatabase())
  const broker = await createTestBroker(options.rabbitUrl)
  const log = createLogger({ service: 'test', level: process.env.TEST_LOG ?? 'silent' })
  const session = createSession({ url: broker.url, name: 'test.publish', log })
  const publisher = createPublisher(session, { log })
  session.start()
  await publisher.whenReady(10_000)

  const { sql } = database.db
  const vendor = await createVendor(sql, { slug: 'costa', name: 'Costa' })
  if (vendor === undefined) throw new Error('the vendor was not created')
  const base = { vendorId: vendor.id, format: 'sluice', timeZone: 'UTC' }
  await createSource(sql, { ...base, slug: 'crm', kind: 'webhook' })
  await createSource(sql, { ...base, slug: 'feed', kind: 'feed', address: 'https://example.com/feed.xml' })

  const env = {
    DATABASE_URL: database.url,
    RABBITMQ_URL: broker.url,
    REDIS_URL: options.redisUrl ?? services.redisUrl,
    SLUICE_NAMESPACE: broker.namespace,
    WORKER_HEALTH_PORT: '0',
    SHUTDOWN_TIMEOUT_MS: '15000'
  }
  const running = new Set<RunningWorker>()
  const query = <T>(text: string): Promise<T[]> => sql.$queryRawUnsafe<T[]>(text)
  const outcomesFrom = async (from: string): Promise<Record<string, Outcome>> => {
    const rows = await query<{ key: string; outcome: Outcome }>(from)
    return Object.fromEntries(rows.map(({ key, outcome }) => [key, outcome]))
  }
  const outcomes = (): Promise<Record<string, Outcome>> =>
    outcomesFrom('SELECT message_id AS key, outcome FROM deliveries')

  const message = (envelope: Partial<Envelope> & { messageId: string }, record: HookRecord, at: number) => {
    const body = Buffer.from(JSON.stringify(record))
    const factAt = fromDate(new Date((BASE_SECONDS + at) * 1000))
    return toMessage(
      {
        type: 'record',
        vendor: 'costa',
        source: 'crm',
        format: 'sluice',
        formatVersion: 1,
        lane: 'webhook',
        externalId: record.id,
        factAt,
        factAtFrom: 'record',
        receivedAt: fromDate(new Date()),
        ordinal: 0,
        recordHash: recordHash(body),
        sourceRevision: 1,
        attempt: 0,
        body,
        ...envelope
      },
      broker.topology.exchanges.records
    )
  }

  const house = await createHouse({
    databaseUrl: env.DATABASE_URL,
    rabbitUrl: env.RABBITMQ_URL,
    redisUrl: env.REDIS_URL,
    namespace: env.SLUICE_NAMESPACE,
    env
  })

  return {
    database,
    broker,
    publisher,
    env,
    message,
    startProcess: (more, preload) => house.startWorker(more, preload),
    startWorker: async ({ env: more = {}, ...given } = {}) => {
      const { healthPort, metricsPort, stoppers } = await startWorker({
        config: loadWorkerConfig({ ...env, ...more }),
        log,
        sink: undefined,
        ...given
      })
      const worker: RunningWorker = {
        healthPort,
        metricsPort,
        stop: async () => {
          if (!running.delete(worker)) return
          for (const { stop } of stoppers) await stop()
        }
      }
      running.add(worker)
      return worker
    },
    send: async (...messages) => {
      for (let at = 0; at < messages.length; at += SEND_AT_ONCE) {
        const some = messages.slice(at, at + SEND_AT_ONCE)
        await Promise.all(some.map((one) => publisher.publish(one, { wait: true })))
      }
    },
    hook: (messageId, record, at, headers = {}) => {
      const made = message({ messageId }, record, at)
      Object.assign(made.properties.headers, headers)
      return made
    },
    feed: (run, ordinal, record, at) =>
      message(
        { messageId: `${run}.${ordinal}`, source: 'feed', lane: 'feed', run: String(run), ordinal },
        record,
        at
      ),
    outcomes,
    feedOutcomes: () => outcomesFrom('SELECT external_id AS key, outcome FROM feed_records'),
    waitForOutcomes: (...messageIds) =>
      waitFor(`the outcomes of ${messageIds.slice(0, 5).join(', ')}`, async () => {
        const known = await outcomes()
        return messageIds.every((id) => known[id] !== undefined) ? known : undefined
      }),
    query,
    remove: async () => {
      await Promise.all([...running].map((worker) => worker.stop()))
      await house.stop()
      await session.close()
      await broker.remove()
      await removeKeys(env.REDIS_URL, broker.namespace)
      await database.drop()
    }
  }
}

/** Adds up one field of the batch lines of worker processes. */
export const sumOf = (field: string, ...processes: readonly Running[]): number =>
  processes
    .flatMap((process) => process.lines())
    .filter(({ msg }) => msg === 'batch settled')
    .reduce((sum, line) => sum + (typeof line[field] === 'number' ? line[field] : 0), 0)

/** What a worker process answers about its health: the status of `/livez` or `/readyz`. */
export const healthOf = async (worker: Running, path: string): Promise<number> =>
  (await askHealth(worker, path)).status

/** Deliveries a worker process has in hand. */
export const heldBy = async (worker: Running): Promise<number> => {
  const report = (await (await askHealth(worker, '/readyz')).json()) as { parts: { held: number } }
  return report.parts.held
}

const askHealth = (worker: Running, path: string): Promise<Response> => {
  const port = worker.lines().find(({ healthPort }) => typeof healthPort === 'number')?.['healthPort']
  return fetch(`http://127.0.0.1:${String(port)}${path}`)
}

const removeKeys = async (url: string, namespace: string): Promise<void> => {
  const redis = new Redis(url, { lazyConnect: true, retryStrategy: () => null })
  redis.on('error', () => undefined) // a Redis the test has stopped keeps nothing
  try {
    await redis.connect()
    for await (const keys of redis.scanStream({ match: `${namespace}:*`, count: 1_000 })) {
      if (Array.isArray(keys) && keys.length > 0) await redis.del(...(keys as string[]))
    }
  } catch {
    // gone already
  } finally {
    redis.disconnect()
  }
}
