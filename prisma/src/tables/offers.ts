import type { OfferContent } from '@sluice/shared/offer'
import type { Stamp } from '@sluice/shared/stamp'
import type { RawSql, Sql } from '../client.ts'
import { Prisma } from '../generated/client.ts'
import { LIST_LIMIT, present, toRows, type Nullable } from '../rows.ts'

export const OFFER_STATES = ['incomplete', 'active', 'withdrawn'] as const
export type OfferStateName = (typeof OFFER_STATES)[number]

export interface OfferKey {
  vendorId: number
  externalId: string
}

export interface StoredOffer extends OfferKey {
  state: OfferStateName
  content: OfferContent
  baseStamp: Stamp
  unitStamps: Record<string, Stamp>
  /** Source slug → newest stamp with which it changed the content; `OVERRULED` → see there. */
  sourceStamps: Record<string, Stamp>
  locationId?: number
  /** The version that was read; 0 when there was no offer. */
  rowVersion: number
  revision: number
}

/** An offer as people look at it. */
export interface OfferRow extends StoredOffer {
  vendorSlug: string
  createdAt: Date
  /** When `revision` moved last. */
  updatedAt: Date
}

/** Those that exist, in no particular order. */
export const readOffers = async (sql: RawSql, keys: readonly OfferKey[]): Promise<StoredOffer[]> => {
  if (keys.length === 0) return []
  const rows = await sql.$queryRaw<Nullable<StoredOffer>[]>`
    SELECT ${STORED} FROM offers o
    JOIN (
      SELECT DISTINCT "vendorId", "externalId"
      FROM jsonb_to_recordset(${toRows(keys)}::jsonb) AS r("vendorId" int, "externalId" text)
    ) r ON o.vendor_id = r."vendorId" AND o.external_id = r."externalId"`
  return rows.map((row) => present<StoredOffer>(row))
}

/**
 * Compare-and-set: each row is written only if the stored version is still the one that was read (`rowVersion`, 0 for
 * none), and its version moves by one. Returns the keys that were written; the others lost the race: read and merge
 * them again. A key may be given once. Rows are locked in key order, so two of these statements cannot deadlock.
 * `toJson` is for whoever speaks `Direct`, and has the contents as JSON in UTF-8 already.
 */
export const writeOffers = async (
  sql: RawSql,
  rows: readonly StoredOffer[],
  toJson?: (content: OfferContent) => Buffer
): Promise<OfferKey[]> => {
  if (rows.length === 0) return []
  return await sql.$queryRaw<OfferKey[]>`
    INSERT INTO offers AS o (
      vendor_id, external_id, state, content, base_stamp, unit_stamps, source_stamps, location_id, row_version,
      revision
    )
    SELECT "vendorId", "externalId", state, content, "baseStamp", "unitStamps", "sourceStamps", "locationId",
           "rowVersion" + 1, revision
    FROM jsonb_to_recordset(${toJson === undefined ? toRows(rows) : toOfferRows(rows, toJson)}::jsonb) AS r(
      "vendorId" int, "externalId" text, state text, content jsonb, "baseStamp" text, "unitStamps" jsonb,
      "sourceStamps" jsonb, "locationId" int, "rowVersion" int, revision int
    )
    ORDER BY "vendorId", "externalId" COLLATE "C"
    ON CONFLICT (vendor_id, external_id) DO UPDATE SET
      state = EXCLUDED.state,
      content = EXCLUDED.content,
      base_stamp = EXCLUDED.base_stamp,
      unit_stamps = EXCLUDED.unit_stamps,
      source_stamps = EXCLUDED.source_stamps,
      location_id = EXCLUDED.location_id,
      row_version = EXCLUDED.row_version,
      revision = EXCLUDED.revision,
      updated_at = CASE WHEN EXCLUDED.revision = o.revision THEN o.updated_at ELSE now() END
    WHERE o.row_version = EXCLUDED.row_version - 1
    RETURNING vendor_id AS "vendorId", external_id AS "externalId"`
}

/** As `toRows`, with the contents as the bytes they are. */
const toOfferRows = (rows: readonly StoredOffer[], toJson: (content: OfferContent) => Buffer): Buffer => {
  const pieces: Buffer[] = []
  for (const { content, ...rest } of rows) {
    const before = pieces.length === 0 ? '[' : '},'
    pieces.push(Buffer.from(`${before}${JSON.stringify(rest).slice(0, -1)},"content":`), toJson(content))
  }
  return Buffer.concat([...pieces, Buffer.from('}]')])
}

export const findOffer = async (
  sql: Sql,
  vendorSlug: string,
  externalId: string
): Promise<OfferRow | undefined> => {
  const [row] = await sql.$queryRaw<Nullable<OfferRow>[]>`
    SELECT ${SHOWN} FROM offers o JOIN vendors v ON v.id = o.vendor_id
    WHERE v.slug = ${vendorSlug} AND o.external_id = ${externalId}`
  return row === undefined ? undefined : present<OfferRow>(row)
}

export interface OfferFilter {
  vendorSlug?: string
  /** Without it every state but `incomplete`, which no reader should see. */
  state?: OfferStateName
}

/** In key order; `after` is the key of the last offer of the page before. */
export const listOffers = async (
  sql: Sql,
  { limit = LIST_LIMIT, after, ...filter }: OfferFilter & { limit?: number; after?: OfferKey }
): Promise<OfferRow[]> => {
  const page =
    after === undefined
      ? Prisma.empty
      : Prisma.sql`AND (o.vendor_id, o.external_id) > (${after.vendorId}::int, ${after.externalId})`
  const rows = await sql.$queryRaw<Nullable<OfferRow>[]>`
    SELECT ${SHOWN} FROM offers o JOIN vendors v ON v.id = o.vendor_id
    WHERE ${matching(filter)} ${page}
    ORDER BY o.vendor_id, o.external_id LIMIT ${limit}`
  return rows.map((row) => present<OfferRow>(row))
}

export const countOffers = async (sql: Sql, filter: OfferFilter = {}): Promise<number> => {
  const [row] = await sql.$queryRaw<[{ count: number }]>`
    SELECT count(*)::float8 AS count FROM offers o WHERE ${matching(filter)}`
  return row.count
}

const matching = ({ vendorSlug, state }: OfferFilter): Prisma.Sql =>
  Prisma.join(
    [
      state === undefined ? Prisma.sql`o.state <> 'incomplete'` : Prisma.sql`o.state = ${state}`,
      // Known before the offers are looked for: joined by its slug, a vendor is found among those of all others.
      ...(vendorSlug === undefined
        ? []
        : [Prisma.sql`o.vendor_id = (SELECT id FROM vendors WHERE slug = ${vendorSlug})`])
    ],
    ' AND '
  )

const STORED = Prisma.raw(`
  o.vendor_id AS "vendorId", o.external_id AS "externalId", o.state, o.content, o.base_stamp AS "baseStamp",
  o.unit_stamps AS "unitStamps", o.source_stamps AS "sourceStamps", o.location_id AS "locationId",
  o.row_version AS "rowVersion", o.revision`)

const SHOWN = Prisma.sql`${STORED}, v.slug AS "vendorSlug", o.created_at AS "createdAt", o.updated_at AS "updatedAt"`
