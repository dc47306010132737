import type { Outcome } from '@sluice/shared/change'
import type { Stamp } from '@sluice/shared/stamp'
import type { RawSql, Sql } from '../client.ts'
import { Prisma } from '../generated/client.ts'
import { present, toForgivingRows, type Nullable } from '../rows.ts'
import { settledOutcome } from './settled-outcome.ts'

/** A webhook message and what became of it. */
export interface NewDelivery {
  /** `<deliveryId>.<index>` */
  messageId: string
  sourceId: number
  externalId: string
  stamp: Stamp
  /** As the vendor sent it. */
  record?: unknown
  outcome: Outcome
  code?: string
  path?: string
  message?: string
  /** Of how many its request was, if that says so; absent means one, or a message of an older release. */
  recordCount?: number
  receivedAt: Date
}

/** Without the record: a megabyte each, for nothing. */
export interface DeliveryRow extends Omit<NewDelivery, 'record'> {
  sourceSlug: string
  settledAt: Date
}

/** One row a message; delivered again it keeps what its first delivery did. */
export const settleDeliveries = async (sql: RawSql, rows: readonly NewDelivery[]): Promise<void> => {
  if (rows.length === 0) return
  await sql.$executeRaw`
    INSERT INTO deliveries AS d (
      message_id, source_id, external_id, stamp, record, outcome, code, path, message, record_count,
      received_at
    )
    SELECT DISTINCT ON ("messageId" COLLATE "C")
           "messageId", "sourceId", "externalId", stamp, record, outcome, code, path, message, "recordCount",
           "receivedAt"
    FROM jsonb_to_recordset(${toForgivingRows(rows)}::jsonb) AS r(
      "messageId" text, "sourceId" int, "externalId" text, stamp text, record jsonb, outcome text, code text,
      path text, message text, "recordCount" int, "receivedAt" timestamptz
    )
    ORDER BY "messageId" COLLATE "C", stamp COLLATE "C" DESC
    ON CONFLICT (message_id) DO UPDATE SET
      outcome = ${settledOutcome('d')},
      code = EXCLUDED.code,
      path = EXCLUDED.path,
      message = EXCLUDED.message,
      record = EXCLUDED.record,
      stamp = EXCLUDED.stamp,
      settled_at = now()
    WHERE EXCLUDED.stamp >= d.stamp`
}

/** The records of one webhook request, in the order they were sent. */
export const findDeliveries = async (sql: Sql, deliveryId: string): Promise<DeliveryRow[]> => {
  const rows = await sql.$queryRaw<Nullable<DeliveryRow>[]>`
    SELECT d.message_id AS "messageId", d.source_id AS "sourceId", s.slug AS "sourceSlug",
           d.external_id AS "externalId", d.stamp, d.outcome, d.code, d.path, d.message,
           d.record_count AS "recordCount", d.received_at AS "receivedAt", d.settled_at AS "settledAt"
    FROM deliveries d JOIN sources s ON s.id = d.source_id
    -- '/' follows '.' in the column's byte order: everything that starts with the id and a dot.
    WHERE d.message_id > ${`${deliveryId}.`} AND d.message_id < ${`${deliveryId}/`}
    ORDER BY length(d.message_id), d.message_id LIMIT ${MOST_RECORDS_PER_REQUEST}`
  return rows.map((row) => present<DeliveryRow>(row))
}

const MOST_RECORDS_PER_REQUEST = 1_000

/** Records of a source that were given their meaning before a version of its format. */
export interface RemapScope {
  sourceId: number
  formatVersion: number
  /** Received from this instant. */
  since?: Date
  /** Until before this one: what arrives meanwhile has the new meaning already. */
  until: Date
}

/** A place in the order of receipt. */
export interface DeliveryPlace {
  receivedAt: Date
  messageId: string
}

export type KeptRecord = Required<
  Pick<NewDelivery, 'messageId' | 'externalId' | 'stamp' | 'record' | 'receivedAt'>
>

/** Those that were kept, in the order of receipt. */
export const listRemappable = async (
  sql: Sql,
  scope: RemapScope,
  { after, limit }: { after?: DeliveryPlace; limit: number }
): Promise<KeptRecord[]> => {
  const page =
    after === undefined
      ? Prisma.empty
      : Prisma.sql`AND (d.received_at, d.message_id) > (${after.receivedAt}, ${after.messageId})`
  return await sql.$queryRaw<KeptRecord[]>`
    SELECT d.message_id AS "messageId", d.external_id AS "externalId", d.stamp, d.record,
           d.received_at AS "receivedAt"
    FROM deliveries d WHERE ${remappable(scope)} ${page}
    ORDER BY d.received_at, d.message_id LIMIT ${limit}`
}

export interface RemapSize {
  records: number
  offers: number
  oldestAt?: Date
}

export const countRemappable = async (sql: Sql, scope: RemapScope): Promise<RemapSize> => {
  const [row] = await sql.$queryRaw<[Nullable<RemapSize>]>`
    SELECT count(*)::float8 AS records, count(DISTINCT d.external_id)::float8 AS offers,
           min(d.received_at) AS "oldestAt"
    FROM deliveries d WHERE ${remappable(scope)}`
  return present<RemapSize>(row)
}

/** The fourth part of a stamp is the format version. A record that is sent again moves its stamp when it settles. */
const remappable = ({ sourceId, formatVersion, since, until }: RemapScope): Prisma.Sql =>
  Prisma.sql`d.source_id = ${sourceId} AND d.record IS NOT NULL AND d.received_at < ${until}
    AND split_part(d.stamp, '.', 4)::int < ${formatVersion}
    ${since === undefined ? Prisma.empty : Prisma.sql`AND d.received_at >= ${since}`}`
