import type { Sql } from '../client.ts'
import type { RawSql } from '../direct.ts'
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

/**
 * Idempotent: a letter that lies here open already, or comes twice at once, same message and same body, is added once. One that is being
 * replayed just now is waited for: should the replay be marked, what comes here is its next death, and is kept.
 */
export const insertDeadLetters = async (sql: RawSql, rows: readonly NewDeadLetter[]): Promise<void> => {
  if (rows.length === 0) return
  const encoded = rows.map((row, index) => ({
    ...row,
    index,
    body: Buffer.from(row.body).toString('base64')
  }))
  await sql.$executeRaw`
    WITH incoming AS MATERIALIZED (
      SELECT DISTINCT ON (coalesce("messageId", index::text), body)
             index, "messageId" AS message_id, source, "externalId" AS external_id, lane,
             "routingKey" AS routing_key, properties, headers, decode(body, 'base64') AS body,
             "faultClass" AS fault_class, "faultCode" AS fault_code, "faultMessage" AS fault_message, attempts,
             "firstSeenAt" AS first_seen_at
      FROM jsonb_to_recordset(${toForgivingRows(encoded)}::jsonb) AS r(
        index int, "messageId" text, source text, "externalId" text, lane text, "routingKey" text,
        properties jsonb, headers jsonb, body text, "faultClass" text, "faultCode" text, "faultMessage" text,
        attempts int, "firstSeenAt" timestamptz
      )
      ORDER BY coalesce("messageId", index::text), body, index
    ), lying AS MATERIALIZED (
      SELECT i.index FROM incoming i JOIN dead_letters d ON d.message_id = i.message_id AND d.body = i.body
      WHERE ${OPEN}
      FOR SHARE OF d
    )
    INSERT INTO dead_letters (
      message_id, source, external_id, lane, routing_key, properties, headers, body, fault_class, fault_code,
      fault_message, attempts, first_seen_at
    )
    SELECT message_id, source, external_id, lane, routing_key, properties, headers, body, fault_class, fault_code,
           fault_message, attempts, first_seen_at
    FROM incoming WHERE index NOT IN (SELECT index FROM lying) ORDER BY index`
}

export const DEAD_LETTER_STATES = ['open', 'replayed', 'discarded'] as const
export type DeadLetterState = (typeof DEAD_LETTER_STATES)[number]

/** Which dead letters are meant; all that is given must hold. */
export interface DeadLetterFilter {
  ids?: readonly Id[]
  state?: DeadLetterState
  /** Slug in its headers: a letter may name a vendor that does not exist. */
  vendor?: string
  source?: string
  lane?: string
  externalId?: string
  faultClass?: string
  faultCode?: string
  /** When it died, from this instant. */
  since?: Date
  /** Until before this one. */
  until?: Date
}

/** Newest first, without the bodies. */
export const listDeadLetters = async (
  sql: Sql,
  { limit = LIST_LIMIT, ...filter }: DeadLetterFilter & { limit?: number } = {}
): Promise<DeadLetterRow[]> => {
  const rows = await sql.$queryRaw<Nullable<DeadLetterRow>[]>`
    SELECT ${COLUMNS} FROM dead_letters d WHERE ${matching(filter)}
    ORDER BY d.dead_at DESC, d.id DESC LIMIT ${limit}`
  return rows.map((row) => present<DeadLetterRow>(row))
}

export interface DeadLetterCount {
  source?: string
  faultCode: string
  count: number
  oldestAt: Date
  newestAt: Date
}

/** How many match, by source and fault; most first. */
export const countDeadLetters = async (
  sql: Sql,
  filter: DeadLetterFilter = {}
): Promise<DeadLetterCount[]> => {
  const rows = await sql.$queryRaw<Nullable<DeadLetterCount>[]>`
    SELECT d.source, d.fault_code AS "faultCode", count(*)::float8 AS count, min(d.dead_at) AS "oldestAt",
           max(d.dead_at) AS "newestAt"
    FROM dead_letters d WHERE ${matching(filter)}
    GROUP BY d.source, d.fault_code ORDER BY count(*) DESC, d.source, d.fault_code`
  return rows.map((row) => present<DeadLetterCount>(row))
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

/** The condition of a filter on `dead_letters d`, for the statements of this folder. */
export const matching = (filter: DeadLetterFilter): Prisma.Sql => {
  const { ids, state, vendor, source, lane, externalId, faultClass, faultCode, since, until } = filter
  return Prisma.join(
    [
      Prisma.sql`true`,
      ...(ids === undefined ? [] : [Prisma.sql`d.id = ANY(${ids.filter(isId)}::bigint[])`]),
      ...(state === undefined ? [] : [IN_STATE[state]]),
      ...(vendor === undefined ? [] : [Prisma.sql`d.headers ->> 'vendor' = ${vendor}`]),
      ...(source === undefined ? [] : [Prisma.sql`d.source = ${source}`]),
      ...(lane === undefined ? [] : [Prisma.sql`d.lane = ${lane}`]),
      ...(externalId === undefined ? [] : [Prisma.sql`d.external_id = ${externalId}`]),
      ...(faultClass === undefined ? [] : [Prisma.sql`d.fault_class = ${faultClass}`]),
      ...(faultCode === undefined ? [] : [Prisma.sql`d.fault_code = ${faultCode}`]),
      ...(since === undefined ? [] : [Prisma.sql`d.dead_at >= ${since}`]),
      ...(until === undefined ? [] : [Prisma.sql`d.dead_at < ${until}`])
    ],
    ' AND '
  )
}

const OPEN = Prisma.raw('d.replayed_at IS NULL AND d.discarded_at IS NULL')
const IN_STATE: Readonly<Record<DeadLetterState, Prisma.Sql>> = {
  open: OPEN,
  replayed: Prisma.raw('d.replayed_at IS NOT NULL AND d.discarded_at IS NULL'),
  discarded: Prisma.raw('d.discarded_at IS NOT NULL')
}

const COLUMNS = Prisma.raw(`
  d.id::text AS id, d.message_id AS "messageId", d.source, d.external_id AS "externalId", d.lane,
  d.routing_key AS "routingKey", d.properties, d.headers, d.fault_class AS "faultClass",
  d.fault_code AS "faultCode", d.fault_message AS "faultMessage", d.attempts, d.first_seen_at AS "firstSeenAt",
  d.dead_at AS "deadAt", d.replayed_at AS "replayedAt", d.replays, d.discarded_at AS "discardedAt",
  d.discard_reason AS "discardReason"`)
