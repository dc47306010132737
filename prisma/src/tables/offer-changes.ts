import type { Stamp } from '@sluice/shared/stamp'
import type { Sql } from '../client.ts'
import { LIST_LIMIT, present, toRows, type Id, type Nullable } from '../rows.ts'

export type OfferChangeKind = 'created' | 'updated' | 'withdrawn'

/** One real change of an offer: what a consumer of the stream out hears. */
export interface NewOfferChange {
  vendorId: number
  externalId: string
  /** The offer's revision after the change. */
  revision: number
  kind: OfferChangeKind
  /** Unit name → value before and after; an absent side means the unit was absent. */
  units: Record<string, { old?: unknown; new?: unknown }>
  stamp: Stamp
  source: string
  messageId: string
}

export interface OfferChangeRow extends NewOfferChange {
  id: Id
  createdAt: Date
}

/** Belongs into the transaction that wrote the offers, and only for those that were written. */
export const appendChanges = async (sql: Sql, rows: readonly NewOfferChange[]): Promise<void> => {
  if (rows.length === 0) return
  await sql.$executeRaw`
    INSERT INTO offer_changes (
      vendor_id, external_id, revision, kind, units, stamp, source, message_id
    )
    SELECT "vendorId", "externalId", revision, kind, units, stamp, source, "messageId"
    FROM jsonb_to_recordset(${toRows(rows)}::jsonb) AS r(
      "vendorId" int, "externalId" text, revision int, kind text, units jsonb, stamp text, source text,
      "messageId" text
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
    FROM offer_changes c JOIN vendors v ON v.id = c.vendor_id
    WHERE v.slug = ${vendorSlug} AND c.external_id = ${externalId}
    ORDER BY c.revision DESC LIMIT ${limit}`
  return rows.map((row) => present<OfferChangeRow>(row))
}
