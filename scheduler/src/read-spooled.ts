import { findFormat, isWholeList } from '@sluice/shared/formats'
import { fromDate, type Micros } from '@sluice/shared/time'
import type { Db } from '@sluice/prisma/client'
import { findLateGone } from '@sluice/prisma/tables/feed-records'
import { newestList, newestListAt } from '@sluice/prisma/tables/removals'
import { markSeen } from '@sluice/prisma/tables/run-seen'
import type { SourceRow } from '@sluice/prisma/tables/sources'
import type { FetchConfig } from './config.ts'
import type { DiffOptions } from './diff.ts'
import { RunError } from './errors.ts'
import { readLimitsOf, settingsOf } from './fetch-for-run.ts'
import type { Downloaded } from './fetch/download.ts'
import type { List } from './gone.ts'
import { readFeed, type ReadFeedOptions } from './read-feed.ts'
import { toReading, type Reading } from './verdict.ts'

export interface ReadSpooledOptions
  extends
    Omit<DiffOptions, 'listedSince' | 'lateGone'>,
    Pick<ReadFeedOptions, 'looksAhead' | 'outlet' | 'signal'> {
  db: Pick<Db, 'sql'>
  config: FetchConfig
  fetched: Downloaded
}

/** What a pass has read. */
export interface Read {
  reading: Reading
  /** All the feed offers, if the file says that; `same` when an earlier run has read it. */
  list?: List | 'same'
}

/**
 * Reads what was fetched, and says what it proves.
 * @throws RunError when nothing at all of it could be read
 */
export const readSpooled = async (options: ReadSpooledOptions): Promise<Read> => {
  const { db, run, source, format, ledger, unreadable, receivedAt, config, fetched } = options
  const listedSince = await newestListAt(db.sql, source.id)
  const end = await readFeed({
    ...options,
    listedSince,
    lateGone: await findLateGone(db.sql, source.id, listedSince),
    bodies: fetched.bodies,
    settings: settingsOf(source.fetch, source.slug),
    fileFactAt: fileFactAtOf(fetched.lastModifiedAt, receivedAt, source.exportLagMs),
    ...readLimitsOf(config)
  })
  await markSeen(db.sql, run.id, unreadable.identified) // last: a sound record of the same id is no duplicate
  const { malformed } = ledger.figures
  const reading = toReading(end, { malformed, unidentified: unreadable.unidentified }, fetched.cutShort)
  if (end.complete && fetched.cutShort === undefined) await unreadable.closeOthers()
  const { extent } = end
  const factAt = Math.max(end.listedAt, listedSince) // what was fetched last is the newest list all the same
  ledger.note({ factAt, receivedAt, ...(extent === undefined ? {} : { extent }) })
  // Only of a file that came whole, and of which the id of every record was seen, it is known what it does not hold.
  if (reading.snapshot !== 'complete' || !isWholeList(format.feed.gone, extent)) return { reading }
  const isDoubtful = end.listedAt < listedSince && !(await wasRead(options))
  if (isDoubtful) ledger.addProblem(OLDER)
  const { recordsSeen: records, duplicates } = ledger.figures
  const unseen = malformed + duplicates
  return { reading, list: { runId: run.id, factAt, receivedAt, records, unseen, isDoubtful } }
}

const OLDER = {
  code: 'FEED_OLDER',
  message:
    'The file is older than one that was read before; what it lacks goes when the next run finds it again'
}

/** Whether it is the very file of the list before: then no server has slipped us an old copy, it was put back. */
const wasRead = async ({ db, run, source, ledger }: ReadSpooledOptions): Promise<boolean> => {
  const before = await newestList(db.sql, source.id, run.id)
  return before?.bodySha256 !== undefined && before.bodySha256 === ledger.snapshot().bodySha256
}

/** @throws RunError `FEED_FORMAT` */
export const formatOf = ({ format: name, slug }: SourceRow): DiffOptions['format'] => {
  const format = findFormat(name)
  if (format?.feed !== undefined) return { ...format, feed: format.feed }
  throw new RunError(
    'FEED_FORMAT',
    format === undefined
      ? `The feed ${slug} has the format "${name}", which does not exist`
      : `The format "${name}" of the feed ${slug} is for webhooks only`
  )
}

/**
 * Since when the records of a file are true that do not say so themselves: an export was begun some time before it
 * could be fetched, and an old file may not overwrite a newer webhook (plan §5).
 */
const fileFactAtOf = (lastModifiedAt: Date | undefined, receivedAt: Micros, exportLagMs: number): Micros => {
  const writtenAt = lastModifiedAt === undefined ? receivedAt : Math.min(fromDate(lastModifiedAt), receivedAt)
  return writtenAt - exportLagMs * 1000
}
