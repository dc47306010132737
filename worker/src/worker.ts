import { assertTopology, createPublisher, createSession, type Delivery } from '@sluice/shared/broker'
import { createCache } from '@sluice/shared/cache'
import { toError } from '@sluice/shared/errors'
import { createHealthServer } from '@sluice/shared/health'
import { endProcess, type Stopper } from '@sluice/shared/lifecycle'
import type { Logger } from '@sluice/shared/log'
import { createMetricsServer } from '@sluice/shared/metrics-server'
import { createReporter, type ReportSink } from '@sluice/shared/sentry'
import { createTopology } from '@sluice/shared/topology'
import { createDb, type Db } from '@sluice/prisma/client'
import { createLock } from '@sluice/prisma/lock'
import { locationsGeneration } from '@sluice/prisma/tables/locations'
import { streamLag } from '@sluice/prisma/tables/offer-stream'
import { createApplier } from './apply.ts'
import { createCircuit } from './circuit.ts'
import type { WorkerConfig } from './config.ts'
import { createDeadLetterWork } from './dead-letters.ts'
import { createGeneration } from './generation.ts'
import { createLane, type Lane, type LaneOptions } from './lane.ts'
import { createLocations } from './locations.ts'
import type { toMessage } from './message.ts'
import { countedRetries } from './metrics/counted-retries.ts'
import { createMetrics } from './metrics/metrics.ts'
import { createRecordWork } from './record-work.ts'
import { createRelay } from './relay/relay.ts'
import { createRetries } from './retries.ts'
import { createSettler } from './settle.ts'
import { createSources } from './sources.ts'

export interface WorkerOptions {
  config: WorkerConfig
  log: Logger
  sink: ReportSink | undefined
  /** A drill's own fault in place of `message.ts`. */
  interpret?: typeof toMessage
}

export interface Worker {
  healthPort: number
  /** Absent when there are no metrics. */
  metricsPort: number | undefined
  /** What must be stopped, first to last. */
  stoppers: readonly Stopper[]
}

/** The share of `SHUTDOWN_TIMEOUT_MS` for work in hand; the rest is for closing what it needed. */
const DRAIN_SHARE = 0.7
const CLOSE_TIMEOUT_MS = 2_000
/** Sources, places, quarantine, dead letters and the probe: none of them may take a lane's connection. */
const SHARED_CONNECTIONS = 4
/** Numbering waits for no publishing; the lock has a connection besides. */
const RELAY_CONNECTIONS = 2
/** Any number nobody else uses in this database. */
const RELAY_LOCK = '7310589422'

/** Wires a worker together and starts it; it does not wait for Postgres, RabbitMQ or Redis to be there. */
export const startWorker = async ({ config, log, sink, interpret }: WorkerOptions): Promise<Worker> => {
  const topology = createTopology(config.SLUICE_NAMESPACE)
  await assertTopology({ url: config.RABBITMQ_URL, topology, log })

  const dbFor = (purpose: string, poolSize: number): Db =>
    createDb({ url: config.DATABASE_URL, poolSize, applicationName: `sluice-worker-${purpose}` })
  const sharedDb = dbFor('shared', SHARED_CONNECTIONS)
  const webhookDb = dbFor('webhook', config.WORKER_WEBHOOK_BATCHES)
  const feedDb = dbFor('feed', config.WORKER_FEED_BATCHES)
  const relayDb = dbFor('relay', RELAY_CONNECTIONS)
  const cache = createCache({ url: config.REDIS_URL, namespace: config.SLUICE_NAMESPACE, log })

  // Two connections: an alarm blocks publishers, and must not block acknowledgements.
  const consuming = createSession({ url: config.RABBITMQ_URL, name: 'worker.consume', log })
  const publishing = createSession({ url: config.RABBITMQ_URL, name: 'worker.publish', log })
  for (const session of [consuming, publishing]) session.onFailed(endProcess)
  const publisher = createPublisher(publishing, { log })

  const reporter = createReporter({ sink, service: 'worker', log, windowMs: config.WORKER_REPORT_WINDOW_MS })
  const metrics = createMetrics({
    lanes: () => lanes,
    isCircuitOpen: () => circuit.isOpen,
    isRelaying: () => relay.isLeading,
    readLag: () => streamLag(sharedDb.sql)
  })
  const retries = countedRetries(createRetries({ publisher, topology, log }), metrics)
  const sources = createSources({ db: sharedDb, cache, log })
  const generation = createGeneration(() => locationsGeneration(sharedDb.sql))
  const locations = createLocations({ db: sharedDb, cache, generation: generation.current })
  const circuit = createCircuit({
    probe: async () => {
      await sharedDb.ping()
      generation.forget() // it may be another database that came back
    },
    holdables: () => lanes,
    maxHoldMs: config.WORKER_HOLD_MS,
    log: log.child({ dependency: 'postgres' })
  })

  const relay = createRelay({
    db: relayDb,
    lock: createLock({
      url: config.DATABASE_URL,
      key: RELAY_LOCK,
      applicationName: 'sluice-worker-relay-lock'
    }),
    // A channel of its own: a stream that stands still keeps no copy from being sent.
    publisher: createPublisher(publishing, { log }),
    exchange: topology.exchanges.offers,
    isPaused: () => circuit.isOpen,
    onPublished: metrics.changesPublished,
    log: log.child({ part: 'relay' }),
    reporter
  })

  const recordLane = (options: LaneOptions, db: Db, isQuarantine = false): Lane => {
    const laneLog = log.child({ lane: options.name })
    const settler = createSettler({ lane: options.name, db, retries, reporter, log: laneLog })
    const applier = createApplier({
      db,
      sources,
      locations,
      onChanges: relay.committed,
      ...(interpret === undefined ? {} : { interpret })
    })
    return createLane(options, {
      session: consuming,
      circuit,
      work: createRecordWork({
        applier,
        settler,
        observe: (figures) => metrics.batchSettled(options.name, figures),
        log: laneLog
      }),
      log,
      ...(isQuarantine ? {} : { quarantine: (delivery: Delivery) => settler.quarantine(delivery) })
    })
  }
  // In the order in which they go on after an outage.
  const lanes: readonly Lane[] = [
    recordLane(
      { ...WEBHOOK, queue: topology.queues.webhook, atOnce: config.WORKER_WEBHOOK_BATCHES },
      webhookDb
    ),
    recordLane(
      {
        ...FEED,
        queue: topology.queues.feed,
        batchSize: config.WORKER_FEED_BATCH_SIZE,
        atOnce: config.WORKER_FEED_BATCHES
      },
      feedDb
    ),
    recordLane({ ...QUARANTINE, queue: topology.queues.quarantine }, sharedDb, true),
    createLane(
      { ...DEAD, queue: topology.queues.dead },
      {
        session: consuming,
        circuit,
        work: createDeadLetterWork({
          db: sharedDb,
          sources,
          retries,
          reporter,
          onStored: metrics.deadLettersStored,
          log
        }),
        log
      }
    )
  ]

  let isStopping = false
  const health = await createHealthServer({
    host: config.WORKER_HEALTH_HOST,
    port: config.WORKER_HEALTH_PORT,
    live: () => ({ ok: true }),
    ready: () => ({
      ok: !isStopping && !circuit.isOpen && consuming.state === 'up' && publishing.state === 'up',
      parts: {
        stopping: isStopping,
        postgres: circuit.isOpen ? 'away' : 'up',
        rabbitmq: `${consuming.state} ${publishing.state}`,
        redis: cache.isUp() ? 'up' : 'away',
        relay: relay.isLeading ? 'leading' : 'standby',
        held: lanes.reduce((sum, { held }) => sum + held, 0)
      }
    }),
    log
  })

  const metricsServer =
    config.WORKER_METRICS_PORT === undefined
      ? undefined
      : await createMetricsServer(metrics, {
          host: config.WORKER_METRICS_HOST,
          port: config.WORKER_METRICS_PORT,
          log
        })

  await sources.watch()
  await sharedDb.ping().catch((thrown: unknown) => circuit.trip(toError(thrown)))
  publishing.start()
  consuming.start()
  relay.start()
  log.info({ healthPort: health.port }, 'worker consuming')

  const drain = async (timeoutMs: number): Promise<void> => {
    const left = await Promise.all(lanes.map((lane) => lane.drain(timeoutMs)))
    log.info({ returned: left.reduce((sum, count) => sum + count, 0) }, 'lanes drained')
  }
  const drainMs = Math.round(config.SHUTDOWN_TIMEOUT_MS * DRAIN_SHARE)
  return {
    healthPort: health.port,
    metricsPort: metricsServer?.port,
    stoppers: [
      { name: 'readiness', stop: () => void (isStopping = true) },
      { name: 'circuit', stop: () => circuit.stop() },
      { name: 'lanes', stop: () => drain(drainMs) },
      { name: 'relay', stop: () => relay.stop(CLOSE_TIMEOUT_MS) },
      { name: 'retries', stop: () => retries.stop() },
      { name: 'publisher', stop: () => publisher.drain(CLOSE_TIMEOUT_MS) },
      { name: 'broker', stop: () => Promise.all([consuming.close(), publishing.close()]) },
      { name: 'metrics', stop: () => metricsServer?.close() },
      { name: 'reports', stop: () => reporter.close(CLOSE_TIMEOUT_MS) },
      { name: 'sources', stop: () => sources.stop() },
      { name: 'cache', stop: () => cache.close() },
      { name: 'database', stop: () => closeAll([webhookDb, feedDb, relayDb, sharedDb]) },
      { name: 'health', stop: () => health.close() }
    ]
  }
}

const closeAll = (dbs: readonly Db[]): Promise<unknown> => Promise.all(dbs.map((db) => db.close()))

/**
 * | lane | batch | linger | why |
 * |---|---|---|---|
 * | webhook | ≤20 | 5 ms | somebody waits for it |
 * | feed | ≤250 | 20 ms | throughput: what a transaction costs by itself is shared by more records |
 * | quarantine | 1 | – | it takes nobody with it |
 * | dead | ≤50 | 100 ms | nobody waits |
 */
const WEBHOOK = { name: 'webhook', batchSize: 20, lingerMs: 5 } as const
const FEED = { name: 'feed', lingerMs: 20 } as const
const QUARANTINE = { name: 'quarantine', batchSize: 1, lingerMs: 0, atOnce: 1 } as const
const DEAD = { name: 'dead', batchSize: 50, lingerMs: 100, atOnce: 1 } as const
