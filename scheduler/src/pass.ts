import type { Publisher } from '@sluice/shared/broker'
import { findFormat, isWholeList } from '@sluice/shared/formats'
import type { Logger } from '@sluice/shared/log'
import type { Sealing } from '@sluice/shared/sealing'
import type { Reporter } from '@sluice/shared/sentry'
import { fromDate, nowMicros, type Micros } from '@sluice/shared/time'
import type { Topology } from '@sluice/shared/topology'
import type { Db } from '@sluice/prisma/client'
import { endReading, type FeedRunRow } from '@sluice/prisma/tables/feed-runs'
import { newestListAt } from '@sluice/prisma/tables/removals'
import { markSeen } from '@sluice/prisma/tables/run-seen'
import type { SourceRow } from '@sluice/prisma/tables/sources'
import type { SchedulerConfig } from './config.ts'
import { createCredit, type Credit } from './credit.ts'
import type { DiffOptions } from './diff.ts'
import { RunError } from './errors.ts'
import type { Downloaded } from './fetch/download.ts'
import type { Egress } from './fetch/egress.ts'
import { fetchForRun, readLimitsOf, settingsOf } from './fetch-for-run.ts'
import type { Ledger } from './ledger.ts'
import { readFeed } from './read-feed.ts'
import type { Shelf, Spool } from './spool.ts'
import { createUnreadable } from './unreadable.ts'
import { withdrawLeft, withdrawVanished, type List, type VanishedOptions } from './vanished.ts'
import { toReading, type Reading } from './verdict.ts'

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

  const vanishing: VanishedOptions = { ...options, format, credit, exchange: topology.exchanges.records }
  const read = async (shelf: Shelf): Promise<Read> => {
    const fetched = await fetchForRun(options, format, shelf)
    if (fetched !== 'unchanged') return readSpooled(options, { format, receivedAt, credit, fetched })
    log.info('the feed is the one that was read before')
    return { reading: { snapshot: 'complete' }, list: 'same' }
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

interface Read {
  reading: Reading
  /** All the feed offers, if the file says that; `same` when an earlier run has read it. */
  list?: List | 'same'
}

const formatOf = ({ format: name, slug }: SourceRow): DiffOptions['format'] => {
  const format = findFormat(name)
  if (format?.feed !== undefined) return { ...format, feed: format.feed }
  throw new RunError(
    'FEED_FORMAT',
    format === undefined
      ? `The feed ${slug} has the format "${name}", which does not exist`
      : `The format "${name}" of the feed ${slug} is for webhooks only`
  )
}

interface Inputs {
  format: DiffOptions['format']
  receivedAt: Micros
  credit: Credit
  fetched: Downloaded
}

const readSpooled = async (
  options: PassOptions,
  { format, receivedAt, credit, fetched }: Inputs
): Promise<Read> => {
  const { db, run, source, ledger, reporter, config, topology } = options
  const { formatVersion } = format
  const unreadable = createUnreadable({ db, run, source, formatVersion, receivedAt, ledger, reporter })
  const end = await readFeed({
    ...options,
    listedSince: await newestListAt(db.sql, source.id),
    format,
    receivedAt,
    credit,
    unreadable,
    bodies: fetched.bodies,
    settings: settingsOf(source.fetch, source.slug),
    fileFactAt: fileFactAtOf(fetched.lastModifiedAt, receivedAt, source.exportLagMs),
    ...readLimitsOf(config),
    exchange: topology.exchanges.records
  })
  await markSeen(db.sql, run.id, unreadable.identified) // last: a sound record of the same id is no duplicate
  const { malformed } = ledger.figures
  const reading = toReading(end, { malformed, unidentified: unreadable.unidentified }, fetched.cutShort)
  if (end.complete && fetched.cutShort === undefined) await unreadable.closeOthers()
  const { extent, listedAt: factAt } = end
  ledger.note({ factAt, receivedAt, ...(extent === undefined ? {} : { extent }) })
  // Only of a file that came whole, and of which the id of every record was seen, it is known what it does not hold.
  if (reading.snapshot !== 'complete' || !isWholeList(format.feed.gone, extent)) return { reading }
  const { recordsSeen: records, duplicates } = ledger.figures
  return { reading, list: { runId: run.id, factAt, receivedAt, records, unseen: malformed + duplicates } }
}

/**
 * Since when the records of a file are true that do not say so themselves: an export was begun some time before it
 * could be fetched, and an old file may not overwrite a newer webhook (plan §5).
 */
const fileFactAtOf = (lastModifiedAt: Date | undefined, receivedAt: Micros, exportLagMs: number): Micros => {
  const writtenAt = lastModifiedAt === undefined ? receivedAt : Math.min(fromDate(lastModifiedAt), receivedAt)
  return writtenAt - exportLagMs * 1000
}
