import type { OfferChangeKind, OfferChangeText, WholeOfferChange } from '@sluice/shared/offer-change'
import type { Stamp } from '@sluice/shared/stamp'
import type { RawSql, Sql } from '../client.ts'
import { Prisma } from '../generated/client.ts'
import { LIST_LIMIT, present, toRows, type Id, type Nullable } from '../rows.ts'

type ChangedUnits = Record<string, { old?: unknown; new?: unknown }>

/** One real change of an offer: what a consumer of the stream out hears. */
export interface NewOfferChange {
  vendorId: number
  externalId: string
  /** The offer's revision after the change. */
  revision: number
  kind: OfferChangeKind
  /**
   * Unit name → value before and after; an absent side means the unit was absent. Absent itself, at revision 1 only, it is
   * all that the offer says as it was written in the same transaction: no copy of that is kept until the offer changes.
   */
  units?: ChangedUnits
  stamp: Stamp
  source: string
  messageId: string
  /** W3C trace context of the message. */
  traceparent?: string
}

export interface OfferChangeRow extends NewOfferChange {
  id: Id
  units: ChangedUnits
  createdAt: Date
}

/** Belongs into the transaction that wrote the offers, and only for those that were written. */
export const appendChanges = async (sql: RawSql, rows: readonly NewOfferChange[]): Promise<void> => {
  if (rows.length === 0) return
  await sql.$executeRaw`
    INSERT INTO offer_changes (
      vendor_id, external_id, revision, kind, diff, stamp, source, message_id, traceparent
    )
    SELECT "vendorId", "externalId", revision, kind, units, stamp, source, "messageId", traceparent
    FROM jsonb_to_recordset(${toRows(rows)}::jsonb) AS r(
      "vendorId" int, "externalId" text, revision int, kind text, units jsonb, stamp text, source text,
      "messageId" text, traceparent text
    )
    ORDER BY "vendorId", "externalId" COLLATE "C", revision`
}

/** What happened to an offer, newest first. */
export const listChanges = async (
  sql: Sql,
  vendorSlug: string,
  externalId: string,
  { limit = LIST_LIMIT }: { limit?: number } = {}
): Promise<OfferChangeRow[]> => {
  const rows = await sql.$queryRaw<Nullable<OfferChangeRow>[]>`
    SELECT c.id::text AS id, c.vendor_id AS "vendorId", c.external_id AS "externalId", c.revision, c.kind, c.units,
           c.stamp, c.source, c.message_id AS "messageId", c.created_at AS "createdAt"
    FROM offer_history c JOIN vendors v ON v.id = c.vendor_id
    WHERE v.slug = ${vendorSlug} AND c.external_id = ${externalId}
    ORDER BY c.revision DESC LIMIT ${limit}`
  return rows.map((row) => present<OfferChangeRow>(row))
}

/** Of one page, in stored (compressed) bytes: what it holds in memory is a small multiple. */
const PAGE_BYTES = 2 * 1024 * 1024

/**
 * The stream out from the change after `after` on, in the order of `seq`: as many as `limit` and the size of a page
 * allow, at least one. An empty page is the end of the stream for now. Nothing is missed by asking for what comes
 * after the last `seq` seen, whatever commits meanwhile (see `numberChanges`).
 */
export const readChanges = async (
  sql: Sql,
  { after, limit = LIST_LIMIT }: { after: number; limit?: number }
): Promise<WholeOfferChange[]> => {
  const rows = await page<WholeOfferChange>(
    sql,
    Prisma.sql`COALESCE(c.diff, (
    SELECT jsonb_object_agg(unit.name, jsonb_build_object('new', unit.value)) FROM ${UNITS_OF_WHOLE}
  ), '{}') AS units`,
    after,
    limit
  )
  return rows.map((row) => present<WholeOfferChange>(row))
}

/** The same page with every document as the text it is: who only passes it on need not take it apart. */
export const readChangeTexts = async (
  sql: RawSql,
  { after, limit }: { after: number; limit: number }
): Promise<OfferChangeText[]> => {
  const rows = await page<OfferChangeText>(
    sql,
    Prisma.sql`COALESCE(c.diff::text, (
    SELECT '{' || string_agg(to_json(unit.name) || ':{"new":' || unit.value || '}', ',') || '}' FROM ${UNITS_OF_WHOLE}
  ), '{}') AS units`,
    after,
    limit
  )
  return rows.map((row) => present<OfferChangeText>(row))
}

/** Of a change without a diff of its own. None, where somebody took its offer away past every trigger: it still has its place. */
const UNITS_OF_WHOLE = Prisma.sql`jsonb_each(c.whole) AS unit(name, value)`

const page = <T>(sql: RawSql, units: Prisma.Sql, after: number, limit: number): Promise<Nullable<T>[]> =>
  sql.$queryRaw`
    SELECT c.seq::float8 AS seq, v.slug AS vendor, c.external_id AS "externalId", c.revision, c.kind, ${units}, c.stamp,
           c.source, c.message_id AS "messageId", c.traceparent,
           to_char(c.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS "changedAt"
    FROM (
      SELECT *, sum(size) OVER (ORDER BY seq) - size AS bytes_before
      FROM (SELECT *, COALESCE(pg_column_size(COALESCE(diff, whole)), 0) AS size FROM (
        SELECT *, CASE WHEN diff IS NULL THEN COALESCE(
          (SELECT f.content FROM first_contents f WHERE f.vendor_id = n.vendor_id AND f.external_id = n.external_id),
          (SELECT o.content FROM offers o WHERE o.vendor_id = n.vendor_id AND o.external_id = n.external_id)
        ) END AS whole
        FROM (SELECT * FROM offer_changes WHERE seq > ${after}::bigint ORDER BY seq LIMIT ${limit}) n
        OFFSET 0 -- looked up once a row, though it is used more often
      ) found) page
    ) c JOIN vendors v ON v.id = c.vendor_id
    WHERE c.bytes_before < ${PAGE_BYTES}
    ORDER BY c.seq`
