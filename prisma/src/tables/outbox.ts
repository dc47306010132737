import type { Sql } from '../client.ts'
import { toRows, type Id } from '../rows.ts'

/** A record accepted while the broker was not available: the message, as it will be published. */
export interface NewOutboxRow {
  sourceId: number
  /** `<deliveryId>.<index>` */
  messageId: string
  routingKey: string
  /** Everything of the message's properties that JSON can say. */
  properties: object
  body: Uint8Array
}

export interface OutboxRow extends NewOutboxRow {
  id: Id
}

/** What one source may have in the outbox. */
export interface OutboxLimits {
  maxRows: number
  maxBytes: number
}

/** What became of a source's rows, and how much of it there was before. */
export interface OutboxStored {
  sourceId: number
  rows: number
  bytes: number
  stored: boolean
}

/**
 * Stores, for each source, all of its rows or, when they would go beyond its limits, none; one statement, so that
 * what is stored is committed and the limits hold against every other writer. A source that no longer exists is
 * absent from the answer, and nothing of it is stored.
 */
export const insertOutbox = async (
  sql: Sql,
  rows: readonly NewOutboxRow[],
  { maxRows, maxBytes }: OutboxLimits
): Promise<OutboxStored[]> => {
  // The bodies one after another as bytes, and where each begins: half the time of base64 in JSON.
  let at = 1
  const placed = rows.map(({ body, ...row }) => {
    const place = { ...row, at, length: body.length }
    at += body.length
    return place
  })
  const bodies = Buffer.concat(rows.map(({ body }) => body))
  return await sql.$queryRaw<OutboxStored[]>`
    WITH incoming AS MATERIALIZED (
      SELECT "sourceId" AS source_id, "messageId" AS message_id, "routingKey" AS routing_key, properties, at,
             substr(${bodies}::bytea, at, length) AS body
      FROM jsonb_to_recordset(${toRows(placed)}::jsonb) AS r(
        "sourceId" int, "messageId" text, "routingKey" text, properties jsonb, at int, length int
      )
    ), wanted AS (
      SELECT i.source_id, count(*)::int AS rows, sum(octet_length(i.body)) AS bytes
      FROM incoming i JOIN sources s ON s.id = i.source_id
      GROUP BY i.source_id
    ), room AS (
      INSERT INTO outbox_usage AS u (source_id, rows, bytes)
      SELECT source_id, rows, bytes FROM wanted
      WHERE rows <= ${maxRows} AND bytes <= ${maxBytes}
      ORDER BY source_id
      ON CONFLICT (source_id) DO UPDATE SET rows = u.rows + EXCLUDED.rows, bytes = u.bytes + EXCLUDED.bytes
      WHERE u.rows + EXCLUDED.rows <= ${maxRows} AND u.bytes + EXCLUDED.bytes <= ${maxBytes}
      RETURNING source_id
    ), stored AS (
      INSERT INTO outbox (source_id, message_id, routing_key, properties, body)
      SELECT source_id, message_id, routing_key, properties, body
      FROM incoming JOIN room USING (source_id)
      ORDER BY at, message_id
    )
    SELECT w.source_id AS "sourceId", r.source_id IS NOT NULL AS stored,
           coalesce(u.rows, 0) AS rows, coalesce(u.bytes, 0)::float8 AS bytes
    FROM wanted w LEFT JOIN room r USING (source_id) LEFT JOIN outbox_usage u USING (source_id)`
}

/** The sources that have something to relay: not those that are paused. */
export const outboxSources = async (sql: Sql): Promise<number[]> => {
  const rows = await sql.$queryRaw<{ sourceId: number }[]>`
    SELECT u.source_id AS "sourceId" FROM outbox_usage u JOIN sources s ON s.id = u.source_id
    WHERE u.rows > 0 AND s.paused_at IS NULL
    ORDER BY u.source_id`
  return rows.map(({ sourceId }) => sourceId)
}

/**
 * The oldest rows of a source that nobody else has locked, locked until the transaction ends. As many as fit into
 * `maxBytes`, but at least one; the rows beyond stay locked with them.
 */
export const lockOutbox = async (
  tx: Sql,
  sourceId: number,
  { maxRows, maxBytes }: OutboxLimits
): Promise<OutboxRow[]> => {
  const locked = await tx.$queryRaw<{ id: Id; bytes: number }[]>`
    SELECT id::text AS id, octet_length(body) AS bytes FROM outbox
    WHERE source_id = ${sourceId} ORDER BY outbox.id LIMIT ${maxRows} FOR UPDATE SKIP LOCKED`
  let bytes = 0
  const ids = locked.flatMap((row, index) =>
    (bytes += row.bytes) <= maxBytes || index === 0 ? [row.id] : []
  )
  if (ids.length === 0) return []
  return await tx.$queryRaw<OutboxRow[]>`
    SELECT id::text AS id, source_id AS "sourceId", message_id AS "messageId", routing_key AS "routingKey",
           properties, body
    FROM outbox WHERE id = ANY(${ids}::bigint[]) ORDER BY outbox.id`
}

/** Removes rows and gives their room back. */
export const deleteOutbox = async (tx: Sql, ids: readonly Id[]): Promise<void> => {
  if (ids.length === 0) return
  await tx.$executeRaw`
    WITH gone AS (
      DELETE FROM outbox WHERE id = ANY(${[...ids]}::bigint[])
      RETURNING source_id, octet_length(body) AS bytes
    ), room AS (
      SELECT source_id, count(*)::int AS rows, sum(bytes) AS bytes FROM gone GROUP BY source_id
    )
    UPDATE outbox_usage u SET rows = u.rows - r.rows, bytes = u.bytes - r.bytes
    FROM room r WHERE u.source_id = r.source_id`
}

/** The message ids of one webhook request that are still here. */
export const findOutbox = async (sql: Sql, sourceId: number, deliveryId: string): Promise<string[]> => {
  const rows = await sql.$queryRaw<{ messageId: string }[]>`
    SELECT message_id AS "messageId" FROM outbox
    WHERE message_id > ${`${deliveryId}.`} AND message_id < ${`${deliveryId}/`} AND source_id = ${sourceId}`
  return rows.map(({ messageId }) => messageId)
}

/** What of one source waits. */
export interface OutboxUsage {
  sourceId: number
  sourceSlug: string
  rows: number
  bytes: number
  /** When the oldest of it was stored. */
  oldestAt: Date
}

/** How much waits, and since when, by source; those without anything are absent. */
export const outboxUsage = (sql: Sql): Promise<OutboxUsage[]> =>
  sql.$queryRaw<OutboxUsage[]>`
    SELECT u.source_id AS "sourceId", s.slug AS "sourceSlug", u.rows, u.bytes::float8 AS bytes,
           coalesce(o.created_at, now()) AS "oldestAt"
    FROM outbox_usage u JOIN sources s ON s.id = u.source_id
    LEFT JOIN LATERAL (
      SELECT created_at FROM outbox WHERE source_id = u.source_id ORDER BY id LIMIT 1
    ) o ON true
    WHERE u.rows > 0 ORDER BY s.slug`
