import type { Sql } from '../client.ts'
import { isId, present, type Id, type Nullable } from '../rows.ts'
import { matching, type DeadLetterFilter } from './dead-letters.ts'

/** Who replays or discards dead letters, and why. */
export interface By {
  actor: string
  reason?: string
}

export interface DeadLetterAct extends By {
  act: 'replayed' | 'discarded'
  at: Date
}

/** What there is to replay when somebody begins to; letters that die later are not part of it. */
export interface ReplayScope {
  count: number
  /** The newest of them; absent when there is none. */
  upTo?: Id
}

export const scopeOf = async (sql: Sql, filter: DeadLetterFilter): Promise<ReplayScope> => {
  const [row] = await sql.$queryRaw<[Nullable<ReplayScope>]>`
    SELECT count(*)::float8 AS count, max(d.id)::text AS "upTo" FROM dead_letters d WHERE ${matching(filter)}`
  return present<ReplayScope>(row)
}

export interface LockedLetter {
  id: Id
  messageId?: string
  properties: Record<string, unknown>
  headers: Record<string, unknown>
  body: Uint8Array
}

export interface Page {
  filter: DeadLetterFilter
  /** Numbers above this one, up to and including that one. */
  after: Id
  upTo: Id
  maxRows: number
  maxBytes: number
}

/**
 * The next letters of a replay, oldest first, locked until the transaction ends: nobody else replays or discards them
 * meanwhile, and what others have locked is left to them. As many as fit into `maxBytes`, but at least one.
 */
export const lockDeadLetters = async (
  tx: Sql,
  { filter, after, upTo, maxRows, maxBytes }: Page
): Promise<LockedLetter[]> => {
  const locked = await tx.$queryRaw<{ id: Id; bytes: number }[]>`
    SELECT d.id::text AS id, octet_length(d.body) AS bytes FROM dead_letters d
    WHERE ${matching(filter)} AND d.discarded_at IS NULL AND d.id > ${after}::bigint AND d.id <= ${upTo}::bigint
    ORDER BY d.id LIMIT ${maxRows} FOR UPDATE SKIP LOCKED`
  let bytes = 0
  const ids = locked.flatMap((row, index) =>
    (bytes += row.bytes) <= maxBytes || index === 0 ? [row.id] : []
  )
  if (ids.length === 0) return []
  const rows = await tx.$queryRaw<Nullable<LockedLetter>[]>`
    SELECT d.id::text AS id, d.message_id AS "messageId", d.properties, d.headers, d.body
    FROM dead_letters d WHERE d.id = ANY(${ids}::bigint[]) ORDER BY d.id`
  return rows.map((row) => present<LockedLetter>(row))
}

/** Call it once the broker has confirmed the copies; returns how many were marked. */
export const markReplayed = (sql: Sql, ids: readonly Id[], { actor, reason }: By): Promise<number> =>
  sql.$executeRaw`
    WITH marked AS (
      UPDATE dead_letters SET replayed_at = now(), replays = replays + 1
      WHERE id = ANY(${ids.filter(isId)}::bigint[]) AND discarded_at IS NULL
      RETURNING id
    )
    INSERT INTO dead_letter_acts (dead_letter_id, act, actor, reason)
    SELECT id, 'replayed', ${actor}, ${reason ?? null}::text FROM marked ORDER BY marked.id`

/** Gives up those that match and are open; returns how many. */
export const discardDeadLetters = (
  sql: Sql,
  filter: DeadLetterFilter,
  { actor, reason }: Required<By>
): Promise<number> =>
  sql.$executeRaw`
    WITH chosen AS (
      SELECT d.id FROM dead_letters d WHERE ${matching({ ...filter, state: 'open' })} ORDER BY d.id FOR UPDATE
    ), marked AS (
      UPDATE dead_letters SET discarded_at = now(), discard_reason = ${reason}
      WHERE id IN (SELECT id FROM chosen) AND replayed_at IS NULL AND discarded_at IS NULL
      RETURNING id
    )
    INSERT INTO dead_letter_acts (dead_letter_id, act, actor, reason)
    SELECT id, 'discarded', ${actor}, ${reason} FROM marked ORDER BY marked.id`

/** What was done about a letter, oldest first. */
export const actsOf = async (sql: Sql, id: Id): Promise<DeadLetterAct[]> => {
  if (!isId(id)) return []
  const rows = await sql.$queryRaw<Nullable<DeadLetterAct>[]>`
    SELECT act, actor, reason, at FROM dead_letter_acts
    WHERE dead_letter_id = ${id}::bigint ORDER BY dead_letter_acts.id`
  return rows.map((row) => present<DeadLetterAct>(row))
}
