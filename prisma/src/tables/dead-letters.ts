import type { Sql } from '../client.ts'
import { Prisma } from '../generated/client.ts'
import { isId, LIST_LIMIT, present, toForgivingRows, type Id, type Nullable } from '../rows.ts'

/** A message that kept failing for a reason that is not the record's, or cannot be read at all. */
export interface NewDeadLetter {
  messageId?: string
  source?: string
  externalId?: string
  lane?: string
  /** With which it can be published again. */
  routingKey: string
  properties: Record<string, unknown>
  headers: Record<string, unknown>
  body: Uint8Array
  faultClass?: string
  faultCode: string
  faultMessage?: string
  attempts: number
  firstSeenAt?: Date
}

export interface DeadLetterRow extends Omit<NewDeadLetter, 'body'> {
  id: Id
  deadAt: Date
  replayedAt?: Date
  replays: number
  discardedAt?: Date
  discardReason?: string
}

/** Idempotent: a letter that lies here open already, same message and same body, is not added again. */
export const insertDeadLetters = async (sql: Sql, rows: readonly NewDeadLetter[]): Promise<void> => {
  if (rows.length === 0) return
  const encoded = rows.map((row) => ({ ...row, body: Buffer.from(row.body).toString('base64') }))
  await sql.$executeRaw`
    INSERT INTO dead_letters (
      message_id, source, external_id, lane, routing_key, properties, headers, body, fault_class, fault_code,
      fault_message, attempts, first_seen_at
    )
    SELECT "messageId", source, "externalId", lane, "routingKey", properties, headers, decode(body, 'base64'),
           "faultClass", "faultCode", "faultMessage", attempts, "firstSeenAt"
    FROM jsonb_to_recordset(${toForgivingRows(encoded)}::jsonb) AS r(
      "messageId" text, source text, "externalId" text, lane text, "routingKey" text, properties jsonb,
      headers jsonb, body text, "faultClass" text, "faultCode" text, "faultMessage" text, attempts int,
      "firstSeenAt" timestamptz
    )
    WHERE NOT EXISTS (
      SELECT FROM dead_letters d
      WHERE d.message_id = r."messageId" AND d.body = decode(r.body, 'base64')
        AND d.replayed_at IS NULL AND d.discarded_at IS NULL
    )`
}

export interface DeadLetterFilter {
  /** Neither replayed nor discarded. */
  open?: boolean
  source?: string
  faultCode?: string
  limit?: number
}

/** Newest first, without the bodies. */
export const listDeadLetters = async (
  sql: Sql,
  { open, source, faultCode, limit = LIST_LIMIT }: DeadLetterFilter = {}
): Promise<DeadLetterRow[]> => {
  const isOpen = Prisma.sql`(d.replayed_at IS NULL AND d.discarded_at IS NULL)`
  const conditions = [
    Prisma.sql`true`,
    ...(open === undefined ? [] : [open ? isOpen : Prisma.sql`NOT ${isOpen}`]),
    ...(source === undefined ? [] : [Prisma.sql`d.source = ${source}`]),
    ...(faultCode === undefined ? [] : [Prisma.sql`d.fault_code = ${faultCode}`])
  ]
  const rows = await sql.$queryRaw<Nullable<DeadLetterRow>[]>`
    SELECT ${COLUMNS} FROM dead_letters d WHERE ${Prisma.join(conditions, ' AND ')}
    ORDER BY d.dead_at DESC, d.id DESC LIMIT ${limit}`
  return rows.map((row) => present<DeadLetterRow>(row))
}

export const findDeadLetter = async (
  sql: Sql,
  id: Id
): Promise<(DeadLetterRow & { body: Uint8Array }) | undefined> => {
  if (!isId(id)) return undefined
  const [row] = await sql.$queryRaw<Nullable<DeadLetterRow & { body: Uint8Array }>[]>`
    SELECT ${COLUMNS}, d.body FROM dead_letters d WHERE d.id = ${id}::bigint`
  return row === undefined ? undefined : present<DeadLetterRow & { body: Uint8Array }>(row)
}

/** Call it once the broker has confirmed the copy; `false`: no such letter, or it was discarded. */
export const markReplayed = async (sql: Sql, id: Id): Promise<boolean> =>
  isId(id) &&
  (await sql.$executeRaw`
    UPDATE dead_letters SET replayed_at = now(), replays = replays + 1
    WHERE id = ${id}::bigint AND discarded_at IS NULL`) === 1

/** `false`: no such letter, or it is not open. */
export const discardDeadLetter = async (sql: Sql, id: Id, reason: string): Promise<boolean> =>
  isId(id) &&
  (await sql.$executeRaw`
    UPDATE dead_letters SET discarded_at = now(), discard_reason = ${reason}
    WHERE id = ${id}::bigint AND discarded_at IS NULL AND replayed_at IS NULL`) === 1

const COLUMNS = Prisma.raw(`
  d.id::text AS id, d.message_id AS "messageId", d.source, d.external_id AS "externalId", d.lane,
  d.routing_key AS "routingKey", d.properties, d.headers, d.fault_class AS "faultClass",
  d.fault_code AS "faultCode", d.fault_message AS "faultMessage", d.attempts, d.first_seen_at AS "firstSeenAt",
  d.dead_at AS "deadAt", d.replayed_at AS "replayedAt", d.replays, d.discarded_at AS "discardedAt",
  d.discard_reason AS "discardReason"`)
