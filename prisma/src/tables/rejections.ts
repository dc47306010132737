import type { Stamp } from '@sluice/shared/stamp'
import type { RawSql, Sql } from '../client.ts'
import { Prisma } from '../generated/client.ts'
import { isId, LIST_LIMIT, present, toForgivingRows, toRows, type Id, type Nullable } from '../rows.ts'
import { OFFER_UNKNOWN } from './unknown-offers.ts'

/** A readable record that can never be applied as it stands. */
export interface NewRejection {
  sourceId: number
  /** `offset:<byte>` for a feed record whose id could not be read. */
  externalId: string
  code: string
  /** JSON pointer into the record, when one place is to blame. */
  path?: string
  message: string
  stamp: Stamp
  messageId?: string
  runId?: Id
  record?: unknown
}

export interface RejectionRow extends NewRejection {
  id: Id
  sourceSlug: string
  /** How many times it was said anew; the same message delivered twice counts once. */
  count: number
  firstAt: Date
  lastAt: Date
  closedAt?: Date
}

/**
 * One row a source and external id; a newer or equal stamp moves it and opens it again. A rejection that arrives after
 * something newer from its source has been applied, or after all of the offer was said anew, is history and opens nothing.
 * Whoever applies something newer at the same moment is not seen, nor waited for: `closeOvertaken` finds what that leaves.
 */
export const openRejections = async (sql: RawSql, rows: readonly NewRejection[]): Promise<void> => {
  if (rows.length === 0) return
  await sql.$executeRaw`
    INSERT INTO rejections AS t (
      source_id, external_id, code, path, message, stamp, message_id, run_id, record
    )
    SELECT DISTINCT ON ("sourceId", "externalId" COLLATE "C")
           "sourceId", "externalId", code, path, message, stamp, "messageId", "runId", record
    FROM jsonb_to_recordset(${toForgivingRows(rows)}::jsonb) AS r(
      "sourceId" int, "externalId" text, code text, path text, message text, stamp text, "messageId" text,
      "runId" bigint, record jsonb
    )
    WHERE NOT ${isOvertaken('r."sourceId"', 'r."externalId"', 'r.stamp')}
    ORDER BY "sourceId", "externalId" COLLATE "C", stamp COLLATE "C" DESC
    ON CONFLICT (source_id, external_id) DO UPDATE SET
      code = EXCLUDED.code,
      path = EXCLUDED.path,
      message = EXCLUDED.message,
      message_id = EXCLUDED.message_id,
      run_id = EXCLUDED.run_id,
      record = EXCLUDED.record,
      count = t.count + (EXCLUDED.stamp > t.stamp)::int,
      stamp = EXCLUDED.stamp,
      last_at = now(),
      closed_at = NULL
    WHERE EXCLUDED.stamp >= t.stamp`
}

/** Whether something newer than a rejection was applied, as far as rows that are kept by key can tell. */
const isOvertaken = (sourceId: string, externalId: string, stamp: string): Prisma.Sql =>
  Prisma.raw(`(EXISTS (
      SELECT FROM feed_records f
      WHERE f.source_id = ${sourceId} AND f.external_id = ${externalId} AND f.stamp > ${stamp}
        AND f.outcome NOT IN ('rejected', 'retried', 'dead')
    ) OR EXISTS (
      SELECT FROM sources s JOIN offers o ON o.vendor_id = s.vendor_id AND o.external_id = ${externalId}
      WHERE s.id = ${sourceId} AND (
        (o.source_stamps ->> s.slug) COLLATE "C" > ${stamp}
        -- Had it been sound, it would have been stale: everything the offer says is newer.
        OR o.base_stamp > ${stamp} AND NOT EXISTS (
          SELECT FROM jsonb_each_text(o.unit_stamps) AS unit(name, stamp) WHERE unit.stamp COLLATE "C" <= ${stamp}
        )
      )
    ))`)

/** The source has since said something that applies; an older success closes nothing. */
export const closeRejections = async (
  sql: RawSql,
  rows: readonly { sourceId: number; externalId: string; stamp: Stamp }[]
): Promise<void> => {
  if (rows.length === 0) return
  await sql.$executeRaw`
    WITH applied AS (
      SELECT "sourceId", "externalId", max(stamp COLLATE "C") AS stamp
      FROM jsonb_to_recordset(${toRows(rows)}::jsonb) AS r("sourceId" int, "externalId" text, stamp text)
      GROUP BY "sourceId", "externalId"
      ORDER BY "sourceId", "externalId" COLLATE "C"
    ), locked AS (
      -- One look-up a key, in key order: locks are taken in that order, whatever the statistics say.
      SELECT open.id, applied.stamp FROM applied, LATERAL (
        SELECT t.id FROM rejections t
        WHERE t.source_id = applied."sourceId" AND t.external_id = applied."externalId"
          AND t.closed_at IS NULL AND t.stamp <= applied.stamp
        FOR UPDATE
      ) AS open
    )
    -- The stamp moves too: an older rejection that arrives late does not open it again.
    UPDATE rejections t SET closed_at = now(), stamp = (SELECT stamp FROM locked WHERE locked.id = t.id)
    WHERE t.id = ANY (ARRAY(SELECT id FROM locked))`
}

/**
 * Closes what stayed open though something newer was applied: in the same moment, or before it by a patch that changed
 * nothing and left its trace in `deliveries` alone. There it is looked for among those of the last three hours: a look an
 * hour, and the time of the ladder. Returns how many.
 */
export const closeOvertaken = (sql: Sql): Promise<number> =>
  sql.$executeRaw`
    WITH delivered AS (
      SELECT source_id, external_id, max(stamp) AS stamp FROM deliveries
      WHERE settled_at > now() - interval '3 hours' AND outcome NOT IN ('rejected', 'retried', 'dead')
      GROUP BY source_id, external_id
    ), overtaken AS (
      SELECT t.id, t.stamp FROM rejections t
      WHERE t.closed_at IS NULL AND ${isOvertaken('t.source_id', 't.external_id', 't.stamp')}
      UNION
      SELECT t.id, t.stamp FROM rejections t JOIN delivered d USING (source_id, external_id)
      WHERE t.closed_at IS NULL AND d.stamp > t.stamp
    )
    UPDATE rejections t SET closed_at = now()
    FROM overtaken o WHERE t.id = o.id AND t.stamp = o.stamp AND t.closed_at IS NULL AND t.code <> ${OFFER_UNKNOWN}`

/** A run has read the whole file: places where earlier runs of the feed could read nothing are history. */
export const closeOffsetRejections = async (sql: Sql, sourceId: number, exceptRunId: Id): Promise<void> => {
  await sql.$executeRaw`
    UPDATE rejections SET closed_at = now()
    WHERE source_id = ${sourceId} AND closed_at IS NULL AND external_id LIKE 'offset:%'
      AND run_id IS DISTINCT FROM ${exceptRunId}::bigint`
}

/** Which rejections are meant; all that is given must hold. */
export interface RejectionFilter {
  sourceSlug?: string
  vendorSlug?: string
  code?: string
  externalId?: string
  open?: boolean
  /** Said last at this instant or later. */
  since?: Date
}

/** Newest first. */
export const listRejections = (
  sql: Sql,
  { limit = LIST_LIMIT, ...filter }: RejectionFilter & { limit?: number } = {}
): Promise<RejectionRow[]> => rejections(sql, matching(filter), limit)

export interface RejectionCount {
  sourceSlug: string
  code: string
  count: number
  lastAt: Date
}

/** How many match, by source and code; most first. */
export const countRejections = (sql: Sql, filter: RejectionFilter = {}): Promise<RejectionCount[]> =>
  sql.$queryRaw`
    SELECT s.slug AS "sourceSlug", t.code, count(*)::float8 AS count, max(t.last_at) AS "lastAt"
    FROM rejections t JOIN sources s ON s.id = t.source_id JOIN vendors v ON v.id = s.vendor_id
    WHERE ${matching(filter)}
    GROUP BY s.slug, t.code ORDER BY count(*) DESC, s.slug, t.code`

const matching = ({ sourceSlug, vendorSlug, code, externalId, open, since }: RejectionFilter): Prisma.Sql =>
  Prisma.join(
    [
      Prisma.sql`true`,
      ...(sourceSlug === undefined ? [] : [Prisma.sql`s.slug = ${sourceSlug}`]),
      ...(vendorSlug === undefined ? [] : [Prisma.sql`v.slug = ${vendorSlug}`]),
      ...(code === undefined ? [] : [Prisma.sql`t.code = ${code}`]),
      ...(externalId === undefined ? [] : [Prisma.sql`t.external_id = ${externalId}`]),
      ...(open === undefined ? [] : [Prisma.sql`(t.closed_at IS NULL) = ${open}`]),
      ...(since === undefined ? [] : [Prisma.sql`t.last_at >= ${since}`])
    ],
    ' AND '
  )

export const findRejection = async (sql: Sql, id: Id): Promise<RejectionRow | undefined> =>
  isId(id) ? (await rejections(sql, Prisma.sql`t.id = ${id}::bigint`, 1))[0] : undefined

const rejections = async (sql: Sql, where: Prisma.Sql, limit: number): Promise<RejectionRow[]> => {
  const rows = await sql.$queryRaw<Nullable<RejectionRow>[]>`
    SELECT t.id::text AS id, t.source_id AS "sourceId", s.slug AS "sourceSlug", t.external_id AS "externalId",
           t.code, t.path, t.message, t.stamp, t.message_id AS "messageId", t.run_id::text AS "runId", t.record,
           t.count, t.first_at AS "firstAt", t.last_at AS "lastAt", t.closed_at AS "closedAt"
    FROM rejections t JOIN sources s ON s.id = t.source_id JOIN vendors v ON v.id = s.vendor_id
    WHERE ${where}
    ORDER BY t.last_at DESC, t.id DESC LIMIT ${limit}`
  return rows.map((row) => present<RejectionRow>(row))
}
