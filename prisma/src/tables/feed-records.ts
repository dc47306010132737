import type { Outcome } from '@sluice/shared/change'
import { listedStampOf, NO_RECORD_HASH, type Envelope, type FactAtFrom } from '@sluice/shared/envelope'
import type { Stamp } from '@sluice/shared/stamp'
import type { RawSql, Sql } from '../client.ts'
import { toRows, type Id } from '../rows.ts'
import { settledOutcome } from './settled-outcome.ts'

/** What a feed source last said about an offer, and what became of it. */
export interface FeedRecordRow {
  sourceId: number
  externalId: string
  recordHash: string
  formatVersion: number
  sourceRevision: number
  stamp: Stamp
  /** Of a record with a time of its own: that of the list it stands in. */
  listedStamp?: Stamp
  factAtFrom: FactAtFrom
  outcome: Outcome
  runId: Id
}

/** Where a record is noted, and what became of it. */
type Noted = Pick<FeedRecordRow, 'sourceId' | 'stamp' | 'outcome' | 'runId'>

/** What is noted of a message of a feed. */
export const toFeedRecord = (envelope: Envelope, noted: Noted): FeedRecordRow => {
  const { externalId, recordHash, formatVersion, sourceRevision, factAtFrom } = envelope
  // A record that knows its own time is said anew by each file it stands in; another one takes its time from that file.
  const listedStamp = factAtFrom === 'record' ? listedStampOf(envelope) : undefined
  return {
    ...noted,
    externalId,
    recordHash,
    formatVersion,
    sourceRevision,
    factAtFrom,
    ...(listedStamp === undefined ? {} : { listedStamp })
  }
}

export interface SkipQuestion {
  sourceId: number
  sourceSlug: string
  vendorId: number
  formatVersion: number
  sourceRevision: number
  recordHashes: readonly string[]
}

/**
 * The records that need not be sent again because what they say already stands (plan §6): hash → external id. All of
 * these must hold:
 * - this source said the same before, under the same format version and source revision;
 * - it was applied (created, updated, unchanged) and the offer is active, or it was rejected;
 * - sent again it would change nothing: a record with its own time has the stamp it had; one that takes its time from
 *   the file would come with a newer stamp, so nothing may have overruled the old one: no other source may have changed
 *   the offer since. (Only the newest change of each is known; one before the file may hide behind one after it.)
 */
export const findSkippable = async (sql: RawSql, question: SkipQuestion): Promise<Map<string, string>> => {
  if (question.recordHashes.length === 0) return new Map()
  const rows = await sql.$queryRaw<{ recordHash: string; externalId: string }[]>`
    SELECT f.record_hash AS "recordHash", f.external_id AS "externalId"
    FROM feed_records f
    LEFT JOIN offers o ON o.vendor_id = ${question.vendorId} AND o.external_id = f.external_id
    WHERE f.source_id = ${question.sourceId}
      -- Of an array it cannot see Postgres assumes ten elements and takes the index of hashes; of a list it can, or
      -- of a join, it reads the whole source as long as the table is too new for statistics.
      AND f.record_hash = ANY (
        ARRAY(SELECT jsonb_array_elements_text(${JSON.stringify(question.recordHashes)}::jsonb))
      )
      AND f.format_version = ${question.formatVersion}
      AND f.source_revision = ${question.sourceRevision}
      AND (
        f.outcome = 'rejected'
        OR f.outcome IN ('created', 'updated', 'unchanged') AND o.state = 'active' AND (
          f.fact_at_from = 'record'
          OR NOT EXISTS (
            SELECT FROM jsonb_each_text(o.source_stamps) AS other(source, stamp)
            WHERE other.source <> ${question.sourceSlug}
              AND other.stamp COLLATE "C" > f.stamp
          )
        )
      )`
  return new Map(rows.map(({ recordHash, externalId }) => [recordHash, externalId]))
}

/**
 * Offers a feed lists no more, by a stamp newer than since when its newest list is true: external id → since when it says
 * that they are gone, epoch microseconds. A list that has one of them back is no older for it.
 */
export const findLateGone = async (
  sql: Sql,
  sourceId: number,
  listedSince: number
): Promise<Map<string, number>> => {
  const rows = await sql.$queryRaw<{ externalId: string; goneAt: number }[]>`
    SELECT external_id AS "externalId", split_part(stamp, '.', 1)::float8 AS "goneAt" FROM feed_records
    WHERE source_id = ${sourceId} AND record_hash = ${NO_RECORD_HASH}
      AND split_part(stamp, '.', 1)::float8 > ${listedSince}`
  return new Map(rows.map(({ externalId, goneAt }) => [externalId, goneAt]))
}

/**
 * Notes what became of feed records. What was said moves only with a newer or equal stamp, so late redeliveries of
 * older records change nothing; `runId` moves to the newest run either way, because run figures are counted from it.
 * A record that is older than what is noted, in a list that is not, counts as said with the list: it was gone and has
 * returned as it was.
 */
export const settleFeedRecords = async (sql: RawSql, rows: readonly FeedRecordRow[]): Promise<void> => {
  if (rows.length === 0) return
  await sql.$executeRaw`
    INSERT INTO feed_records AS f (
      source_id, external_id, record_hash, format_version, source_revision, stamp, fact_at_from, outcome, run_id
    )
    SELECT DISTINCT ON ("sourceId", "externalId" COLLATE "C")
           "sourceId", "externalId", "recordHash", "formatVersion", "sourceRevision", said.stamp, "factAtFrom", outcome,
           max("runId") OVER (PARTITION BY "sourceId", "externalId")
    FROM jsonb_to_recordset(${toRows(rows)}::jsonb) AS r(
      "sourceId" int, "externalId" text, "recordHash" text, "formatVersion" int, "sourceRevision" int, stamp text,
      "listedStamp" text, "factAtFrom" text, outcome text, "runId" bigint
    ), LATERAL (
      SELECT CASE WHEN r."listedStamp" IS NOT NULL AND EXISTS (
        SELECT FROM feed_records noted
        WHERE noted.source_id = r."sourceId" AND noted.external_id = r."externalId"
          AND noted.stamp > r.stamp AND noted.stamp <= r."listedStamp"
      ) THEN r."listedStamp" ELSE r.stamp END AS stamp
    ) said
    ORDER BY "sourceId", "externalId" COLLATE "C", said.stamp COLLATE "C" DESC
    ON CONFLICT (source_id, external_id) DO UPDATE SET
      record_hash = CASE WHEN EXCLUDED.stamp >= f.stamp THEN EXCLUDED.record_hash ELSE f.record_hash END,
      format_version = CASE WHEN EXCLUDED.stamp >= f.stamp THEN EXCLUDED.format_version ELSE f.format_version END,
      source_revision =
        CASE WHEN EXCLUDED.stamp >= f.stamp THEN EXCLUDED.source_revision ELSE f.source_revision END,
      fact_at_from = CASE WHEN EXCLUDED.stamp >= f.stamp THEN EXCLUDED.fact_at_from ELSE f.fact_at_from END,
      outcome = ${settledOutcome('f')},
      stamp = GREATEST(f.stamp, EXCLUDED.stamp),
      run_id = GREATEST(f.run_id, EXCLUDED.run_id),
      settled_at = now()`
}
