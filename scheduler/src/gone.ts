import { NO_RECORD_HASH, type Envelope } from '@sluice/shared/envelope'
import { toStamp } from '@sluice/shared/stamp'
import type { Micros } from '@sluice/shared/time'
import type { Db, Sql } from '@sluice/prisma/client'
import type { FeedRunRow } from '@sluice/prisma/tables/feed-runs'
import {
  forgetHashes,
  listedElsewhere,
  listVanished,
  newestBelieved,
  newestList,
  releasedRun,
  runsSince,
  takeCensus,
  type Absence,
  type Census,
  type VanishedOffer
} from '@sluice/prisma/tables/removals'
import type { SourceRow } from '@sluice/prisma/tables/sources'
import { toFeedEnvelope } from './feed-envelope.ts'
import { implausible, type Held } from './plausible.ts'

/** What is gone by the lists of a feed, and whether that is to be believed. */

/** Whose lists are compared, and for which run. */
export interface Origin {
  db: Pick<Db, 'sql'>
  run: Pick<FeedRunRow, 'id'>
  source: SourceRow
  format: { name: string; formatVersion: number }
}

/** A list of all a source offers: the run whose reader saw it whole, and since when it is true. */
export interface List {
  runId: string
  factAt: Micros
  receivedAt: Micros
  /** Records in it, and how many of them have no id of their own to be seen by. */
  records: number
  unseen: number
  /** By its own word it is older than a list before it, and seen for the first time: nothing goes by it alone. */
  isDoubtful: boolean
}

/** What a list says of what it does not hold. */
export interface Gone {
  list: List
  census: Census
  /** All of it. */
  absence: Absence
  held?: Held
  /** What goes now, if anything: all of it, or of what is held or doubtful the part that somebody has released. */
  going?: Absence
  /** The run whose removals somebody has released. */
  released?: FeedRunRow
}

/** How a run concludes by what its list says. Pure. */
export const conclusionOf = ({ held, going }: Gone): 'pending' | 'none' | 'sending' => {
  if (held !== undefined) return 'pending'
  return going === undefined ? 'none' : 'sending'
}

/** What has vanished from the list this run read; call it when the records of the run have settled. */
export const goneFrom = async (at: Origin, list: List): Promise<Gone> => {
  const { sql } = at.db
  const released = await releasedRun(sql, at.source.id)
  const absence = await absenceOf(at, list, [list.runId])
  const partly = released === undefined ? undefined : { ...absence, notSeenIn: [released.id] }
  const census = await takeCensus(sql, at.run.id, partly ?? absence)
  demandWhole(list, census.seen)
  // Without a release nobody has allowed anything.
  const unreleased = released === undefined ? census.gone : census.unreleased
  const believed = await newestBelieved(sql, at.source.id)
  const held = implausible(
    {
      ...census,
      unreleased,
      records: list.records,
      ...(believed?.rejected === undefined ? {} : { rejectedBefore: believed.rejected })
    },
    at.source
  )
  const allowed = held === undefined && !list.isDoubtful ? absence : partly
  return {
    list,
    census,
    absence,
    ...(held === undefined ? {} : { held }),
    ...(allowed === undefined || census.gone === 0 ? {} : { going: allowed }),
    ...(released === undefined ? {} : { released })
  }
}

/**
 * For a run that read no list: what somebody has released, as far as nobody has seen it since; and, if the file is the
 * one that was read before, what became active since by facts that are older than the file.
 */
export const goneSince = async (at: Origin, isSameFile: boolean): Promise<Gone | undefined> => {
  const { sql } = at.db
  const run = await newestList(sql, at.source.id, at.run.id)
  const list = run === undefined ? undefined : listOf(run)
  if (run === undefined || list === undefined) return undefined
  const isReleased = run.removals === 'released'
  if (!isReleased && (!isSameFile || run.removals === 'pending' || run.removals === 'dismissed')) {
    return undefined
  }
  const absence = await absenceOf(at, list, [...(await runsSince(sql, at.source.id, list.runId)), at.run.id])
  const census = await takeCensus(sql, at.run.id, absence)
  demandWhole(list, census.seen)
  const found = { list, census, absence }
  const going = census.gone === 0 ? {} : { going: absence }
  if (isReleased) return { ...found, ...going, released: run }
  if (census.gone === 0) return undefined
  const held = implausible({ ...census, unreleased: census.gone, records: list.records }, at.source)
  return { ...found, ...(held === undefined ? going : { held }) }
}

/** A list that was read by an earlier run, if that run noted what it takes. Found again, it is doubtful no more. */
const listOf = (run: FeedRunRow): List | undefined => {
  const { id: runId, factAt, receivedAt, recordsSeen: records, malformed, duplicates } = run
  if (factAt === undefined || receivedAt === undefined) return undefined
  return { runId, factAt, receivedAt, records, unseen: malformed + duplicates, isDoubtful: false }
}

const absenceOf = async (at: Origin, list: List, seenIn: readonly string[]): Promise<Absence> => ({
  source: at.source,
  seenIn,
  elsewhere: await listedElsewhere(at.db.sql, at.source),
  stamp: stampFor(at, list, 1)
})

/** Nothing is gone because its mark is: then it is our mistake, and not the vendor's word. */
const demandWhole = ({ records, unseen }: List, seen: number): void => {
  if (seen >= records - unseen) return
  throw new Error(
    `a list of ${records} records (${unseen} of them without an id of their own) left ${seen} marks`
  )
}

/** Behind all records of its list: the same source cannot say of one offer in one file that it is there and gone. */
const stampFor = (
  { format: { formatVersion } }: Origin,
  { factAt, receivedAt, records }: List,
  place: number
): string =>
  toStamp({ factAt, receivedAt, ordinal: records + place, formatVersion, recordHash: NO_RECORD_HASH })

/** Vanished offers of one transaction; the broker has them before the next ones are looked up. */
export const PAGE = 500

/** The next offers that go; fewer than `PAGE` are the last ones. Call it in a transaction. */
export const takePage = async (
  tx: Sql,
  at: Origin,
  { list, going }: { list: List; going: Absence },
  after: string
): Promise<VanishedOffer[]> => {
  const page = await listVanished(tx, going, { after, limit: PAGE })
  // Before anything leaves: should this run be taken over now, the next one sends again what has returned.
  await forgetHashes(
    tx,
    at.source.id,
    page.map(({ externalId }) => externalId),
    { recordHash: NO_RECORD_HASH, stamp: stampFor(at, list, 0) }
  )
  return page
}

/** The word that an offer is gone. */
export const toVanished = (
  at: Origin,
  { receivedAt }: List,
  { externalId, factAt }: VanishedOffer,
  ordinal: number
): Envelope =>
  toFeedEnvelope(at, {
    type: 'vanished',
    externalId,
    factAt,
    factAtFrom: 'file',
    receivedAt,
    ordinal,
    recordHash: NO_RECORD_HASH,
    body: Buffer.alloc(0)
  })
