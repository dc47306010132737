import { assertTopology, createPublisher, createSession } from '@sluice/shared/broker'
import { DependencyError, toError } from '@sluice/shared/errors'
import { createHealthServer } from '@sluice/shared/health'
import { endProcess, type Stopper } from '@sluice/shared/lifecycle'
import type { Logger } from '@sluice/shared/log'
import { createSealing } from '@sluice/shared/sealing'
import { createReporter, type ReportSink } from '@sluice/shared/sentry'
import { createTopology } from '@sluice/shared/topology'
import { createDb, type Db } from '@sluice/prisma/client'
import { findRun } from '@sluice/prisma/tables/feed-runs'
import { closeOvertaken } from '@sluice/prisma/tables/rejections'
import type { SchedulerConfig } from './config.ts'
import { createDispatcher } from './dispatcher.ts'
import { createExpiry } from './expired.ts'
import { purgeExpired } from './retention.ts'
import { createRunFeed } from './run-feed.ts'
import { createEgress } from './fetch/egress.ts'
import { createNotify } from './notify.ts'
import { createSpool, type Spool } from './spool.ts'
import { tellTroubles } from './tell.ts'
import { startTicker } from './ticker.ts'
import { reportUnknownOffers } from './unknown-offers.ts'
import { startUpkeep } from './upkeep.ts'

export interface SchedulerOptions {
  config: SchedulerConfig
  log: Logger
  sink: ReportSink | undefined
}

export interface Scheduler {
  healthPort: number
  /** Looks for due feeds now, as every tick does. */
  tick: () => Promise<void>
  /** What must be stopped, first to last. */
  stoppers: readonly Stopper[]
}

/** Ticks, progress, health, and runs that look up one batch while they mark another. Who holds one waits for no second. */
const SHARED_CONNECTIONS = 2
const DRAIN_TIMEOUT_MS = 2_000
const REPORT_TIMEOUT_MS = 2_000

/** Wires a scheduler together and starts it; it does not wait for Postgres or RabbitMQ to be there. */
export const startScheduler = async ({ config, log, sink }: SchedulerOptions): Promise<Scheduler> => {
  const topology = createTopology(config.SLUICE_NAMESPACE)
  await assertTopology({ url: config.RABBITMQ_URL, topology, log })

  const db = createDb({
    url: config.DATABASE_URL,
    poolSize: config.SCHEDULER_MAX_RUNS + SHARED_CONNECTIONS,
    applicationName: 'sluice-scheduler'
  })
  const session = createSession({ url: config.RABBITMQ_URL, name: 'scheduler', log })
  session.onFailed(endProcess)
  const publisher = createPublisher(session, { log })
  const reporter = createReporter({ sink, service: 'scheduler', log })
  const spool = await createSpool(
    config.SCHEDULER_SPOOL_DIR,
    config.SLUICE_NAMESPACE,
    config.SCHEDULER_SPOOL_RESERVE_BYTES
  )
  const egress = createEgress(config.SCHEDULER_EGRESS_ALLOW)
  const sealing = createSealing(config)
  const runFeed = createRunFeed({ db, publisher, topology, spool, egress, sealing, reporter, config, log })
  const dispatcher = createDispatcher({ db, runFeed, maxRuns: config.SCHEDULER_MAX_RUNS, log })
  const sweep = createSweep(db, spool, log)

  const health = await createHealthServer({
    host: config.SCHEDULER_HEALTH_HOST,
    port: config.SCHEDULER_HEALTH_PORT,
    live: () => ({ ok: true }),
    ready: () => ({
      ok: dispatcher.isHealthy && publisher.status !== 'down',
      parts: {
        postgres: dispatcher.isHealthy ? 'up' : 'down',
        rabbitmq: publisher.status,
        runs: dispatcher.running
      }
    }),
    log
  })
  session.start()
  const { SCHEDULER_NOTIFY_URL: url, SCHEDULER_NOTIFY_SECRET: secret } = config
  const notify =
    url === undefined ? undefined : createNotify({ url, egress, ...(secret === undefined ? {} : { secret }) })
  const tell = oneAtATime('troubles not read', log, () => tellTroubles({ db, reporter, notify, log }))
  const withdrawExpired = createExpiry({ db, publisher, exchange: topology.exchanges.records, log })
  const expire = oneAtATime('expired offers not withdrawn', log, withdrawExpired)
  const ticker = startTicker(
    config.SCHEDULER_TICK_SECONDS,
    async () => {
      await sweep()
      await dispatcher.tick()
      tell.start()
      expire.start()
    },
    log
  )

  const upkeep = startUpkeep({
    chores: {
      retention: (signal) => purgeExpired({ db, log }, signal),
      'unknown offers': () => reportUnknownOffers({ db, reporter }),
      'overtaken rejections': async () => void (await closeOvertaken(db.sql))
    },
    log,
    reporter
  })

  return {
    healthPort: health.port,
    tick: dispatcher.tick,
    stoppers: [
      { name: 'ticker', stop: () => ticker.stop() },
      { name: 'upkeep', stop: () => upkeep.stop() },
      { name: 'expiries', stop: () => expire.stop() },
      { name: 'runs', stop: () => dispatcher.stop() },
      { name: 'publisher', stop: () => publisher.drain(DRAIN_TIMEOUT_MS) },
      { name: 'session', stop: () => session.close() },
      { name: 'health', stop: () => health.close() },
      { name: 'reports', stop: () => reporter.close(REPORT_TIMEOUT_MS) },
      { name: 'database', stop: () => db.close() }
    ]
  }
}

interface SideWork {
  start: () => void
  /** Resolves when what was under way has ended. */
  stop: () => Promise<void>
}

/** One look at a time, and no tick waits for it: whom we tell may be slow, and what is over may be much. */
const oneAtATime = (failure: string, log: Logger, work: (signal: AbortSignal) => Promise<void>): SideWork => {
  const stopping = new AbortController()
  let running: Promise<void> | undefined
  return {
    start: () => {
      running ??= work(stopping.signal)
        .catch((thrown: unknown) =>
          log[thrown instanceof DependencyError ? 'debug' : 'warn']({ err: toError(thrown) }, failure)
        )
        .finally(() => {
          running = undefined
        })
    },
    stop: async () => {
      stopping.abort()
      await running
    }
  }
}

/** Copies of feeds whose run is over were left by a scheduler that was killed; looked for once Postgres answers. */
const createSweep = (db: Db, spool: Spool, log: Logger): (() => Promise<void>) => {
  let isDone = false
  return async () => {
    if (isDone) return
    try {
      const { removed, failed } = await spool.sweep(async (runId) => {
        const run = await findRun(db.sql, runId)
        return run?.state === 'reading' && run.leaseUntil > new Date()
      })
      isDone = true
      if (removed.length > 0) log.info({ runs: removed }, 'left feeds removed')
      for (const { name, problem } of failed) {
        log.warn({ err: toError(problem), run: name }, 'left feed not removed')
      }
    } catch (thrown) {
      if (thrown instanceof DependencyError) return // again with the next tick
      isDone = true
      log.warn({ err: toError(thrown) }, 'left feeds not looked for')
    }
  }
}
