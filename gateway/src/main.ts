import { createDb } from '@sluice/prisma/client'
import { findDeliveries } from '@sluice/prisma/tables/deliveries'
import { touchLastUsed } from '@sluice/prisma/tables/last-use'
import { findOutbox, insertOutbox, outboxUsage } from '@sluice/prisma/tables/outbox'
import { addRefusals } from '@sluice/prisma/tables/refusals'
import { createPublisher, createSession } from '@sluice/shared/broker'
import { createCache, createRedis } from '@sluice/shared/cache'
import { loadConfig } from '@sluice/shared/config'
import { findFormat } from '@sluice/shared/formats'
import { sentrySink } from '@sluice/shared/instrument'
import { orExitWithConfigProblems, runService, type Stopper } from '@sluice/shared/lifecycle'
import { createLogger } from '@sluice/shared/log'
import { createMetricsServer } from '@sluice/shared/metrics-server'
import { createSealing } from '@sluice/shared/sealing'
import { createReporter } from '@sluice/shared/sentry'
import { createTopology } from '@sluice/shared/topology'
import { createAccept } from './accept.ts'
import { buildApp } from './app.ts'
import { createAuthenticate } from './auth/index.ts'
import { createBodyRoom } from './body-room.ts'
import { createBreaker } from './breaker.ts'
import { stopListening } from './close-connections.ts'
import { GatewayConfigSchema } from './config.ts'
import { createFindDelivery } from './deliveries.ts'
import { createDuplicates } from './duplicates/duplicates.ts'
import { createKeyUsage } from './key-usage.ts'
import { BEGUN_A_TURN, CONFIRM_MS, MAX_IN_LINE } from './limits.ts'
import { createMetrics } from './metrics/metrics.ts'
import { createOutbox } from './outbox/outbox.ts'
import { createRelay } from './outbox/relay.ts'
import { createQueuedMarks } from './queued-marks.ts'
import { createQuickRedis } from './quick-redis.ts'
import { createRefusals } from './refusals/refusals.ts'
import { createSourceStore, prepareSourceStore } from './source-store.ts'
import { createSources } from './sources.ts'
import { createThrottle } from './throttle/throttle.ts'
import { createTurnstile } from './turnstile.ts'

const config = orExitWithConfigProblems(() => loadConfig(GatewayConfigSchema))
const log = createLogger({ service: 'gateway', level: config.LOG_LEVEL })

/** A request in hand waits at most 800 ms. */
const STATEMENT_TIMEOUT_MS = 2_000
/** The relay's transaction stands idle for 4.5 s while the broker takes its time. */
const IDLE_TRANSACTION_MS = 6_000
/** Several arrays of 500 may stand in line for the window at once; each waits for its own budget only. */
const MAX_WAITING = 10_000
const MIB = 1024 * 1024
const DRAIN_MS = 2_000
const REPORT_FLUSH_MS = 2_000

const start = async (): Promise<readonly Stopper[]> => {
  const reporter = createReporter({ sink: sentrySink, service: 'gateway', log })
  const db = createDb({
    url: config.DATABASE_URL,
    poolSize: config.GATEWAY_DB_POOL,
    applicationName: 'sluice-gateway',
    connectTimeoutMs: STATEMENT_TIMEOUT_MS,
    statementTimeoutMs: STATEMENT_TIMEOUT_MS,
    idleTransactionMs: IDLE_TRANSACTION_MS
  })
  const cache = createCache({ url: config.REDIS_URL, namespace: config.SLUICE_NAMESPACE, log })
  const topology = createTopology(config.SLUICE_NAMESPACE)
  const session = createSession({ url: config.RABBITMQ_URL, name: 'gateway.publish', log, keepsTrying: true })
  // Without the broker there is still the outbox: refused or away, it is the same to those who send.
  session.onFailed((failure) => reporter.captureError(failure))
  const publisher = createPublisher(session, { log, confirmTimeoutMs: CONFIRM_MS, maxWaiting: MAX_WAITING })
  const sources = createSources({ store: createSourceStore(db), cache, log })
  const keyUsage = createKeyUsage({ touch: (used) => touchLastUsed(db.sql, 'api_keys', used), log })
  const secretUsage = createKeyUsage({ touch: (used) => touchLastUsed(db.sql, 'source_secrets', used), log })
  const queuedMarks = createQueuedMarks({ cache })
  const breaker = createBreaker()
  const exchange = topology.exchanges.records
  const outbox = createOutbox({ insert: (rows, limits) => insertOutbox(db.sql, rows, limits), log })
  const relay = createRelay({ db, publisher, breaker, exchange, log, reporter })
  const refusals = createRefusals({
    write: (counts) => addRefusals(db.sql, counts),
    log
  })
  const bodyRoom = createBodyRoom(config.GATEWAY_MAX_BODIES_MIB * MIB)
  const turnstile = createTurnstile({ aTurn: BEGUN_A_TURN, mostWaiting: MAX_IN_LINE })
  const metrics = createMetrics({
    readOutbox: () => outboxUsage(db.sql),
    gauges: {
      body_bytes: () => bodyRoom.heldBytes,
      requests_waiting: () => turnstile.waiting,
      breaker_open: () => Number(breaker.isOpen),
      broker_ready: () => Number(publisher.status === 'ready')
    }
  })
  const namespace = config.SLUICE_NAMESPACE
  const redis = createQuickRedis({
    client: createRedis({ url: config.REDIS_URL, log }),
    failedOpen: metrics.failedOpen
  })
  const duplicates = createDuplicates({ redis, namespace })
  let isStopping = false

  const app = await buildApp({
    log,
    reporter,
    proxyHops: config.GATEWAY_PROXY_HOPS,
    bodyRoom,
    maxConnections: config.GATEWAY_MAX_CONNECTIONS,
    turnstile,
    door: {
      sources,
      throttle: createThrottle(),
      authenticate: createAuthenticate({ sealing: createSealing(config) }),
      keyUsage,
      secretUsage
    },
    rateLimit: { redis, namespace },
    metrics,
    refusals,
    webhooks: {
      duplicates,
      findFormat,
      accept: createAccept({ publisher, breaker, exchange, outbox, queuedMarks })
    },
    deliveries: {
      findDelivery: createFindDelivery({
        findSettled: (deliveryId) => findDeliveries(db.sql, deliveryId),
        findOutboxed: (sourceId, deliveryId) => findOutbox(db.sql, sourceId, deliveryId),
        queuedMarks
      })
    },
    health: {
      broker: () => publisher.status,
      postgres: () => sources.isUp,
      redis: cache.isUp,
      isUsable: () => sources.isUsable,
      isStopping: () => isStopping
    }
  })

  session.start()
  await sources.start()
  await Promise.all([prepareSourceStore(db), outbox.warmUp()])
  keyUsage.start()
  secretUsage.start()
  relay.start()
  refusals.start()
  const metricsServer =
    config.GATEWAY_METRICS_PORT === undefined
      ? undefined
      : await createMetricsServer(metrics, {
          host: config.GATEWAY_METRICS_HOST,
          port: config.GATEWAY_METRICS_PORT,
          log
        })
  await app.listen({ host: config.GATEWAY_HOST, port: config.GATEWAY_PORT })

  return [
    {
      name: 'requests',
      stop: async () => {
        isStopping = true
        await stopListening(app.server)
        await app.close()
      }
    },
    { name: 'relay', stop: () => relay.stop() },
    { name: 'confirms', stop: () => publisher.drain(DRAIN_MS) },
    { name: 'broker session', stop: () => session.close() },
    { name: 'key usage', stop: () => keyUsage.close() },
    { name: 'secret usage', stop: () => secretUsage.close() },
    { name: 'refusals', stop: () => refusals.close() },
    { name: 'metrics', stop: () => metricsServer?.close() },
    { name: 'sources', stop: () => sources.close() },
    { name: 'queued marks', stop: () => queuedMarks.close() },
    { name: 'duplicates', stop: () => duplicates.close() },
    { name: 'quick redis', stop: () => redis.client.disconnect() },
    { name: 'redis', stop: () => cache.close() },
    { name: 'postgres', stop: () => db.close() },
    { name: 'reports', stop: () => reporter.close(REPORT_FLUSH_MS) }
  ]
}

await runService({ log, start, shutdownTimeoutMs: config.SHUTDOWN_TIMEOUT_MS })
