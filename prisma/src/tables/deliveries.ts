import type { Outcome } from '@sluice/shared/change'
import type { Stamp } from '@sluice/shared/stamp'
import type { Sql } from '../client.ts'
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
  receivedAt: Date
}

export interface DeliveryRow extends NewDelivery {
  sourceSlug: string
  settledAt: Date
}

/** One row a message; delivered again it keeps what its first delivery did. */
export const settleDeliveries = async (sql: Sql, rows: readonly NewDelivery[]): Promise<void> => {
  if (rows.length === 0) return
  await sql.$executeRaw`
    INSERT INTO deliveries AS d (
      message_id, source_id, external_id, stamp, record, outcome, code, path, message, received_at
    )
    SELECT DISTINCT ON ("messageId" COLLATE "C")
           "messageId", "sourceId", "externalId", stamp, record, outcome, code, path, message, "receivedAt"
    FROM jsonb_to_recordset(${toForgivingRows(rows)}::jsonb) AS r(
      "messageId" text, "sourceId" int, "externalId" text, stamp text, record jsonb, outcome text, code text,
      path text, message text, "receivedAt" timestamptz
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
           d.external_id AS "externalId", d.stamp, d.record, d.outcome, d.code, d.path, d.message,
           d.received_at AS "receivedAt", d.settled_at AS "settledAt"
    FROM deliveries d JOIN sources s ON s.id = d.source_id
    -- '/' follows '.' in the column's byte order: everything that starts with the id and a dot.
    WHERE d.message_id > ${`${deliveryId}.`} AND d.message_id < ${`${deliveryId}/`}
    ORDER BY length(d.message_id), d.message_id LIMIT ${MOST_RECORDS_PER_REQUEST}`
  return rows.map((row) => present<DeliveryRow>(row))
}

const MOST_RECORDS_PER_REQUEST = 1_000
