import type { Publisher } from '@sluice/shared/broker'
import type { Logger } from '@sluice/shared/log'
import type { Sealing } from '@sluice/shared/sealing'
import type { Reporter } from '@sluice/shared/sentry'
import { nowMicros } from '@sluice/shared/time'
import type { Topology } from '@sluice/shared/topology'
import type { Db } from '@sluice/prisma/client'
import { endReading, type FeedRunRow } from '@sluice/prisma/tables/feed-runs'
import type { SourceRow } from '@sluice/prisma/tables/sources'
import type { SchedulerConfig } from './config.ts'
import { createCredit } from './credit.ts'
import { RunError } from './errors.ts'
import type { Egress } from './fetch/egress.ts'
import { fetchForRun } from './fetch-for-run.ts'
import type { Ledger } from './ledger.ts'
import { createOutlet } from './outlet.ts'
import { formatOf, readSpooled, type Read } from './read-spooled.ts'
import type { Shelf, Spool } from './spool.ts'
import { createUnreadable } from './unreadable.ts'
import { withdrawLeft, withdrawVanished, type VanishedOptions } from './vanished.ts'
import type { Reading } from './verdict.ts'

export interface PassOptions {
  db: Db
  publisher: Publisher
  topology: Topology
  spool: Spool
  egress: Egress
  /** Absent without a master key. */
  sealing: Sealing | undefined
  reporter: Reporter
  config: SchedulerConfig
  run: FeedRunRow
  source: SourceRow
  ledger: Ledger
  /** The run is superseded, or the scheduler stops. */
  signal: AbortSignal
  log: Logger
}

/**
 * One pass over a feed: fetch → spool → read, skip, publish → wait until the workers have settled it → withdraw what
 * vanished.
 * @throws RunError when the feed cannot be had or read, or is not settled
 */
export const passOver = async (options: PassOptions): Promise<Reading> => {
  const { db, config, run, source, ledger, spool, topology, signal, log } = options
  const format = formatOf(source)
  const receivedAt = nowMicros()
  ledger.note({ formatVersion: format.formatVersion, sourceRevision: source.revision })
  const credit = createCredit({
    db,
    runId: run.id,
    limit: config.SCHEDULER_CREDIT,
    timeoutMs: config.SCHEDULER_SETTLE_TIMEOUT_MS,
    signal,
    log
  })

  const exchange = topology.exchanges.records
  const vanishing: VanishedOptions = { ...options, format, credit, exchange }
  const read = async (shelf: Shelf): Promise<Read> => {
    const fetched = await fetchForRun(options, format, shelf)
    if (fetched === 'unchanged') {
      log.info('the feed is the one that was read before')
      return { reading: { snapshot: 'complete' }, list: 'same' }
    }
    const unreadable = createUnreadable({ ...options, formatVersion: format.formatVersion, receivedAt })
    const outlet = createOutlet({ ...options, credit, exchange })
    return readSpooled({
      ...options,
      sql: db.direct.sql,
      looksAhead: true,
      format,
      receivedAt,
      unreadable,
      outlet,
      fetched
    })
  }

  const { reading, list } = await spool.keep(run.id, read).catch(async (thrown: unknown) => {
    // What somebody has released does not wait for a feed that cannot be had.
    const isFeedsFault = thrown instanceof RunError && !signal.aborted && ledger.figures.published === 0
    if (isFeedsFault) await withdrawLeft(vanishing, false)
    throw thrown
  })
  const isOurs = await endReading(db.sql, run.id, run.leaseToken, config.SCHEDULER_LEASE_MS, {
    ...ledger.snapshot(),
    snapshot: reading.snapshot
  })
  if (!isOurs) throw new RunError('RUN_SUPERSEDED', 'Another scheduler has taken over this run')
  log.info({ ...ledger.figures, ...reading }, 'feed read')
  await credit.settled()
  if (typeof list === 'object') await withdrawVanished(vanishing, list)
  else await withdrawLeft(vanishing, list === 'same')
  return reading
}
