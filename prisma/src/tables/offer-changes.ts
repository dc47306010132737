import type { OfferChangeKind, OfferChangeJson, WholeOfferChange } from '@sluice/shared/offer-change'
import type { Stamp } from '@sluice/shared/stamp'
import type { RawSql, Sql } from '../client.ts'
import { Prisma } from '../generated/client.ts'
import { LIST_LIMIT, present, toRows, type Nullable } from '../rows.ts'

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
  units: ChangedUnits
  createdAt: Date
}

/**
 * Belongs into the transaction that wrote the offers, behind that, and only for those that were written: the id of the
 * commit is drawn here, so whoever changes one of these offers later draws a higher one.
 */
export const appendChanges = async (sql: RawSql, rows: readonly NewOfferChange[]): Promise<void> => {
  if (rows.length === 0) return
  await sql.$executeRaw`
    WITH ours AS (INSERT INTO offer_commits (changes) VALUES (${rows.length}::int) RETURNING id)
    INSERT INTO offer_changes (
      commit_id, place, vendor_id, external_id, revision, kind, own_units, stamp, source, message_id,
      traceparent
    )
    SELECT ours.id, row_number() OVER (ORDER BY "vendorId", "externalId" COLLATE "C", revision) - 1,
           "vendorId", "externalId", revision, kind, units, stamp, source, "messageId", traceparent
    FROM ours, jsonb_to_recordset(${toRows(rows)}::jsonb) AS r(
      "vendorId" int, "externalId" text, revision int, kind text, units jsonb, stamp text, source text,
      "messageId" text, traceparent text
    )`
}

/** What happened to an offer, newest first. */
export const listChanges = async (
  sql: Sql,
  vendorSlug: string,
  externalId: string,
  { limit = LIST_LIMIT }: { limit?: number } = {}
): Promise<OfferChangeRow[]> => {
  const rows = await sql.$queryRaw<Nullable<OfferChangeRow>[]>`
    SELECT c.vendor_id AS "vendorId", c.external_id AS "externalId", c.revision, c.kind, c.units,
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
  const rows = await sql.$queryRaw<Nullable<WholeOfferChange>[]>`
    SELECT ${PLACED}, COALESCE(c.own_units, (
      SELECT jsonb_object_agg(unit.name, jsonb_build_object('new', unit.value)) FROM ${UNITS_OF_WHOLE}
    ), '{}') AS units
    FROM (${pageOf(changesAfter(after, limit))}) c JOIN vendors v ON v.id = c.vendor_id
    WHERE c.bytes_before < ${PAGE_BYTES}
    ORDER BY c.seq`
  return rows.map((row) => present<WholeOfferChange>(row))
}

/** A change that has its place in the stream, without its units. */
export interface PlacedChange extends Omit<OfferChangeJson, 'units'> {
  vendorId: number
}

/** The stream from the change after `after` on, in the order of `seq`, without its documents: those cost the most by far. */
export const readPlacedChanges = async (
  sql: RawSql,
  { after, limit }: { after: number; limit: number }
): Promise<PlacedChange[]> => {
  const rows = await sql.$queryRaw<Nullable<PlacedChange>[]>`
    SELECT c.vendor_id AS "vendorId", ${PLACED}
    FROM (${changesAfter(after, limit)}) c JOIN vendors v ON v.id = c.vendor_id
    ORDER BY c.seq`
  return rows.map(withTrace)
}

/** `present`, for the only column that may be null. */
const withTrace = ({ traceparent, ...row }: Nullable<PlacedChange>): PlacedChange =>
  traceparent === null ? row : { ...row, traceparent }

/**
 * The units of the changes at these places, as the text they are: who only passes them on need not take them apart. In
 * their order, as many as the size of a page allows, at least one.
 */
export const readUnitTexts = async (
  sql: RawSql,
  seqs: readonly number[]
): Promise<{ seq: number; units: string }[]> => {
  if (seqs.length === 0) return []
  return await sql.$queryRaw<{ seq: number; units: string }[]>`
    SELECT c.seq::float8 AS seq, COALESCE(c.own_units::text, (
      SELECT '{' || string_agg(to_json(unit.name) || ':{"new":' || unit.value || '}', ',') || '}' FROM ${UNITS_OF_WHOLE}
    ), '{}') AS units
    FROM (${pageOf(changesAt(seqs))}) c
    WHERE c.bytes_before < ${PAGE_BYTES}
    ORDER BY c.seq`
}

/**
 * Of a change without units of its own. None, where somebody took its offer away past every trigger: it still has its
 * place.
 */
const UNITS_OF_WHOLE = Prisma.sql`jsonb_each(c.whole) AS unit(name, value)`

/** All of `c` and `v` but the units. */
const PLACED = Prisma.sql`
  c.seq::float8 AS seq, v.slug AS vendor, c.external_id AS "externalId", c.revision, c.kind, c.stamp, c.source,
  c.message_id AS "messageId", c.traceparent,
  to_char(c.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS "changedAt"`

/**
 * Those with a place behind `after`, in their order: from the commit on that holds the next one, and no more commits than a
 * page can need. Without that bound Postgres would sort all there are, as long as its statistics are of another time. A
 * commit of which somebody deleted the changes does not count, or enough of them would end the stream.
 */
const changesAfter = (after: number, limit: number): Prisma.Sql => Prisma.sql`
  SELECT m.first_seq + c.place AS seq, c.*
  FROM (
    SELECT id, first_seq FROM offer_commits
    WHERE first_seq >= COALESCE((
      SELECT first_seq FROM offer_commits WHERE first_seq <= ${after}::bigint + 1 ORDER BY first_seq DESC LIMIT 1
    ), 0)
      AND (SELECT place FROM offer_changes WHERE commit_id = offer_commits.id LIMIT 1) IS NOT NULL
    ORDER BY first_seq LIMIT ${limit + 1}
  ) m CROSS JOIN LATERAL (
    SELECT * FROM offer_changes WHERE commit_id = m.id AND place > ${after}::bigint - m.first_seq ORDER BY place
  ) c
  ORDER BY m.first_seq, c.place LIMIT ${limit}`

const changesAt = (seqs: readonly number[]): Prisma.Sql => Prisma.sql`
  SELECT asked.seq, c.*
  FROM unnest(${seqs}::bigint[]) AS asked(seq) CROSS JOIN LATERAL (
    SELECT id, first_seq FROM offer_commits WHERE first_seq <= asked.seq ORDER BY first_seq DESC LIMIT 1
  ) m JOIN offer_changes c ON c.commit_id = m.id AND c.place = (asked.seq - m.first_seq)::int`

/** Changes with places, each with what its offer says where it has no units of its own, and how many bytes come before. */
const pageOf = (changes: Prisma.Sql): Prisma.Sql => Prisma.sql`
  SELECT *, sum(size) OVER (ORDER BY seq) - size AS bytes_before
  FROM (SELECT *, COALESCE(pg_column_size(COALESCE(own_units, whole)), 0) AS size FROM (
    SELECT *, CASE WHEN own_units IS NULL THEN COALESCE(
      (SELECT f.content FROM first_contents f WHERE f.vendor_id = n.vendor_id AND f.external_id = n.external_id),
      (SELECT o.content FROM offers o WHERE o.vendor_id = n.vendor_id AND o.external_id = n.external_id)
    ) END AS whole
    FROM (${changes}) n
    OFFSET 0 -- looked up once a row, though it is used more often
  ) found) page`
