import { NO_RECORD_HASH } from '@sluice/shared/envelope'
import { toStamp, type Stamp } from '@sluice/shared/stamp'
import type { Sql } from '../client.ts'
import { Prisma } from '../generated/client.ts'
import { type Id } from '../rows.ts'
import { findRun, type FeedRunRow, type Removals } from './feed-runs.ts'

/**
 * What has vanished from a feed. A run whose reader saw a whole list concludes from it (`removals` of the run); what the
 * newest list held, and what was seen since, stays in `run_seen`.
 */

/** Who else may still list an offer: runs of the vendor's other feeds, and feeds that never had a whole list. */
export interface Elsewhere {
  runs: readonly Id[]
  sources: readonly number[]
}

export interface Absence {
  source: { id: number; vendorId: number }
  /** An offer that was seen in one of these runs is there. */
  seenIn: readonly Id[]
  elsewhere: Elsewhere
  /** What is said of those that are gone is older than this, or it is not undone by them (`goneStamp`). */
  stamp: Stamp
  /** Only those that were not seen in these runs either; what an operator has released is. */
  notSeenIn?: readonly Id[]
}

/** Locks the run until the transaction ends; `false`: its lease was taken over, do nothing. */
export const holdRun = async (tx: Sql, runId: Id, leaseToken: string): Promise<boolean> => {
  const held = await tx.$queryRaw<unknown[]>`
    SELECT 1 FROM feed_runs
    WHERE id = ${runId}::bigint AND lease_token = ${leaseToken} AND state IN ('reading', 'settling')
    FOR NO KEY UPDATE`
  return held.length === 1
}

/** The newest run of a feed that read a whole list, other than this one. */
export const newestList = (sql: Sql, sourceId: number, exceptRunId: Id): Promise<FeedRunRow | undefined> =>
  newest(sql, sourceId, Prisma.sql`removals IS NOT NULL AND id <> ${exceptRunId}::bigint`)

/** The newest run of a feed whose conclusions were carried out: what is usual for it. */
export const newestBelieved = (sql: Sql, sourceId: number): Promise<FeedRunRow | undefined> =>
  newest(sql, sourceId, Prisma.sql`removals IN ('none', 'sent') AND state = 'done'`)

/** The newest run of a feed whose removals somebody released and nobody has carried out. */
export const releasedRun = (sql: Sql, sourceId: number): Promise<FeedRunRow | undefined> =>
  newest(sql, sourceId, Prisma.sql`removals = 'released'`)

const newest = async (sql: Sql, sourceId: number, where: Prisma.Sql): Promise<FeedRunRow | undefined> => {
  const [row] = await sql.$queryRaw<{ id: Id | null }[]>`
    SELECT max(id)::text AS id FROM feed_runs WHERE source_id = ${sourceId} AND ${where}`
  return row?.id === undefined || row.id === null ? undefined : findRun(sql, row.id)
}

/** Since when the newest of a feed's lists is true, epoch microseconds; 0 when there was none. */
export const newestListAt = async (sql: Sql, sourceId: number): Promise<number> => {
  const [row] = await sql.$queryRaw<[{ at: number }]>`
    SELECT COALESCE(max(fact_at), 0)::float8 AS at FROM feed_runs
    WHERE source_id = ${sourceId} AND removals IS NOT NULL`
  return row.at
}

/** A list, and the runs after it that have seen something: together what is there. */
export const runsSince = async (sql: Sql, sourceId: number, runId: Id): Promise<Id[]> => {
  const rows = await sql.$queryRaw<{ id: Id }[]>`
    SELECT r.id::text AS id FROM feed_runs r
    WHERE r.source_id = ${sourceId} AND r.id >= ${runId}::bigint
      AND EXISTS (SELECT FROM run_seen s WHERE s.run_id = r.id)`
  return rows.map(({ id }) => id)
}

/** A feed that is paused holds nothing: nobody reads it, and what moved to another one could never leave that. */
export const listedElsewhere = async (
  sql: Sql,
  { id, vendorId }: { id: number; vendorId: number }
): Promise<Elsewhere> => {
  const others = await sql.$queryRaw<{ sourceId: number; runId: Id | null }[]>`
    SELECT s.id AS "sourceId", (
      SELECT max(r.id)::text FROM feed_runs r WHERE r.source_id = s.id AND r.removals IS NOT NULL
    ) AS "runId"
    FROM sources s WHERE s.vendor_id = ${vendorId} AND s.id <> ${id} AND s.kind = 'feed' AND s.paused_at IS NULL`
  const runs: Id[] = []
  const sources: number[] = []
  for (const { sourceId, runId } of others) {
    if (runId === null) sources.push(sourceId)
    else runs.push(...(await runsSince(sql, sourceId, runId)))
  }
  return { runs, sources }
}

/** How a feed's list compares with what the source has said so far. */
export interface Census {
  /** Different ids in the runs that count as seen. */
  seen: number
  /** Offers the source had before the run. */
  known: number
  gone: number
  /** Of those gone, how many were seen in `notSeenIn`: nobody has released them. */
  unreleased: number
  /** Seen ones that stand rejected. */
  rejected: number
}

export const takeCensus = async (
  sql: Sql,
  runId: Id,
  { notSeenIn = [], ...absence }: Absence
): Promise<Census> => {
  const [row] = await sql.$queryRaw<[Census]>`
    WITH seen AS (SELECT DISTINCT external_id FROM run_seen WHERE run_id = ANY (${bigints(absence.seenIn)})),
    still AS (
      SELECT count(*) FILTER (
               WHERE f.outcome <> 'withdrawn' AND NOT (f.outcome = 'created' AND f.run_id = ${runId}::bigint)
             ) AS known,
             count(*) FILTER (WHERE f.outcome = 'rejected') AS rejected
      FROM feed_records f JOIN seen ON seen.external_id = f.external_id
      WHERE f.source_id = ${absence.source.id}
    ),
    gone AS (
      SELECT count(*) AS count, count(before.external_id) AS unreleased
      FROM (
        SELECT f.external_id
        -- What was seen is taken out first. After NOT EXISTS Postgres expects one row to be left, and would ask for the
        -- offer of each of a hundred thousand by itself; after EXCEPT it expects all of them.
        FROM (
          SELECT external_id FROM feed_records WHERE source_id = ${absence.source.id} EXCEPT SELECT external_id FROM seen
        ) unseen
        JOIN feed_records f ON f.source_id = ${absence.source.id} AND f.external_id = unseen.external_id
        ${isGone(absence)}
      ) v
      LEFT JOIN (SELECT DISTINCT external_id FROM run_seen WHERE run_id = ANY (${bigints(notSeenIn)})) before
        ON before.external_id = v.external_id
    )
    SELECT (SELECT count(*) FROM seen)::float8 AS seen, (still.known + gone.count)::float8 AS known,
           gone.count::float8 AS gone, gone.unreleased::float8 AS unreleased, still.rejected::float8 AS rejected
    FROM still, gone`
  return row
}

/** The first offers that would go, were the pending removals of a run released now. */
export const listPending = async (
  sql: Sql,
  { id, factAt = 0, receivedAt = 0, recordsSeen, formatVersion = 0 }: FeedRunRow,
  source: { id: number; vendorId: number },
  limit: number
): Promise<string[]> => {
  const seenIn = await runsSince(sql, source.id, id)
  const elsewhere = await listedElsewhere(sql, source)
  const stamp = toStamp({
    factAt,
    receivedAt,
    ordinal: recordsSeen + 1,
    formatVersion,
    recordHash: NO_RECORD_HASH
  })
  const offers = await listVanished(sql, { source, seenIn, elsewhere, stamp }, { limit })
  return offers.map(({ externalId }) => externalId)
}

/** An offer that is gone, and since when its list is true for it, epoch microseconds. */
export interface VanishedOffer {
  externalId: string
  factAt: number
}

/** Offers that are gone, a page of them, in the order of ids. */
export const listVanished = (
  sql: Sql,
  absence: Absence,
  { after = '', limit }: { after?: string; limit: number }
): Promise<VanishedOffer[]> => {
  const { notSeenIn = [] } = absence
  return sql.$queryRaw<VanishedOffer[]>`
    SELECT f.external_id AS "externalId", split_part(${goneStamp(absence.stamp)}, '.', 1)::float8 AS "factAt"
    FROM feed_records f ${isGone(absence)} AND ${unseen(absence)}
      AND f.external_id > ${after}
      AND NOT EXISTS (
        SELECT FROM run_seen s WHERE s.run_id = ANY (${bigints(notSeenIn)}) AND s.external_id = f.external_id
      )
    ORDER BY f.external_id LIMIT ${limit}`
}

/**
 * The stamp under which an offer goes. A list is no older than what its own feed said of the offer before it, whatever
 * the time of its file: an offer that was edited a minute before it was listed and then dropped would stay for ever.
 */
const goneStamp = (stamp: Stamp): Prisma.Sql => Prisma.sql`GREATEST(
  ${stamp}, split_part(f.stamp, '.', 1) || ${stamp.slice(stamp.indexOf('.'))}
) COLLATE "C"`

/** Known to the source, and not seen. */
const unseen = ({ source, seenIn }: Absence): Prisma.Sql => Prisma.sql`
  f.source_id = ${source.id} AND NOT EXISTS (
    SELECT FROM run_seen s WHERE s.run_id = ANY (${bigints(seenIn)}) AND s.external_id = f.external_id
  )`

/**
 * Not listed by another feed of the vendor, and not said to be there by anything newer. What is still on its way, or dead,
 * counts as there: it may yet be applied.
 */
const isGone = ({ source, elsewhere, stamp }: Absence): Prisma.Sql => Prisma.sql`
  LEFT JOIN offers o ON o.vendor_id = ${source.vendorId} AND o.external_id = f.external_id
  WHERE (o.state = 'active' OR f.outcome IN ('retried', 'dead'))
    AND GREATEST(
      COALESCE(o.unit_stamps ->> 'presence', o.base_stamp, ''), COALESCE(o.unit_stamps ->> 'listed', '')
    ) COLLATE "C" < ${goneStamp(stamp)}
    AND NOT EXISTS (
      SELECT FROM run_seen s WHERE s.run_id = ANY (${bigints(elsewhere.runs)}) AND s.external_id = f.external_id
    )
    AND NOT EXISTS (
      SELECT FROM feed_records g
      WHERE g.source_id = ANY (ARRAY(SELECT jsonb_array_elements_text(${JSON.stringify(elsewhere.sources)}::jsonb)::int))
        AND g.external_id = f.external_id AND g.outcome <> 'withdrawn'
    )`

const bigints = (ids: readonly Id[]): Prisma.Sql =>
  Prisma.sql`ARRAY(SELECT jsonb_array_elements_text(${JSON.stringify(ids)}::jsonb)::bigint)`

/**
 * What a source says of these is overruled, before the word is sent that they are gone: whoever reads the feed next
 * sends them again if they have returned, whatever becomes of that word. `stamp` is just below it.
 */
export const forgetHashes = async (
  tx: Sql,
  sourceId: number,
  externalIds: readonly string[],
  { recordHash, stamp }: { recordHash: string; stamp: Stamp }
): Promise<void> => {
  await tx.$executeRaw`
    WITH locked AS (
      SELECT external_id FROM feed_records
      WHERE source_id = ${sourceId}
        AND external_id = ANY (ARRAY(SELECT jsonb_array_elements_text(${JSON.stringify(externalIds)}::jsonb)))
      ORDER BY external_id COLLATE "C" FOR UPDATE
    )
    UPDATE feed_records f SET record_hash = ${recordHash}, stamp = GREATEST(f.stamp COLLATE "C", ${goneStamp(stamp)})
    FROM locked WHERE f.source_id = ${sourceId} AND f.external_id = locked.external_id`
}

export interface Conclusion {
  removals: Removals
  census?: Pick<Census, 'known' | 'gone' | 'rejected'>
  held?: { code: string; message: string }
}

/** What a run, or somebody for it, concludes; belongs into a transaction that holds the run it is concluded in. */
export const conclude = async (tx: Sql, runId: Id, { removals, census, held }: Conclusion): Promise<void> => {
  await tx.$executeRaw`
    UPDATE feed_runs SET removals = ${removals},
      known = COALESCE(${census?.known ?? null}::int, known), gone = COALESCE(${census?.gone ?? null}::int, gone),
      rejected = COALESCE(${census?.rejected ?? null}::int, rejected),
      removals_code = COALESCE(${held?.code ?? null}, removals_code),
      removals_reason = COALESCE(${held?.message ?? null}, removals_reason)
    WHERE id = ${runId}::bigint`
}

/**
 * What earlier lists of the feed left open is over: what was released was carried out by this run, up to the one it knew
 * of, and the others are replaced. What somebody has released meanwhile is for the next run.
 */
export const closeEarlier = async (
  tx: Sql,
  sourceId: number,
  { runId, releasedId }: { runId: Id; releasedId: Id | undefined }
): Promise<void> => {
  await tx.$executeRaw`
    UPDATE feed_runs SET removals_run_id = ${runId}::bigint,
      removals = CASE removals WHEN 'released' THEN 'sent' ELSE 'replaced' END
    WHERE source_id = ${sourceId} AND id < ${runId}::bigint
      AND (removals = 'pending' OR removals = 'released' AND id <= ${releasedId ?? null}::bigint)`
}

/** An operator's word on pending removals; `false` when they are not pending (any more). */
export const answerPending = async (
  tx: Sql,
  runId: Id,
  answer: 'released' | 'dismissed',
  actor: string
): Promise<boolean> => {
  const answered = await tx.$executeRaw`
    UPDATE feed_runs r SET removals = ${answer}, removals_by = ${actor}, removals_at = now()
    WHERE id = ${runId}::bigint AND removals = 'pending'
      AND NOT EXISTS (
        SELECT FROM feed_runs later WHERE later.source_id = r.source_id AND later.id > r.id AND later.removals IS NOT NULL
      )`
  return answered === 1
}
