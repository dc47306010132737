import type { RawSql, Sql } from '../client.ts'
import { present, type Nullable } from '../rows.ts'

/** Where the stream out stands. */
export interface StreamPosition {
  /** The last change that has a place in the stream. */
  lastSeq: number
  /** The last change the broker has confirmed; all before it are confirmed as well. */
  publishedSeq: number
  /** Whether changes are committed that have no place yet. */
  hasUnnumbered: boolean
}

export const streamPosition = async (sql: RawSql): Promise<StreamPosition> => {
  const [position] = await sql.$queryRaw<StreamPosition[]>`
    SELECT last_seq::float8 AS "lastSeq", published_seq::float8 AS "publishedSeq",
           (SELECT id FROM offer_commits WHERE first_seq IS NULL ORDER BY id LIMIT 1) IS NOT NULL AS "hasUnnumbered"
    FROM offer_stream`
  return position ?? missing()
}

/** What got places. */
export interface Numbered {
  commits: number
  changes: number
}

/**
 * Gives places in the stream to the changes of the oldest commits that have none, of at most `limit` commits. Belongs
 * into a transaction of its own: whoever numbers holds the row until it has committed, so that numbers are committed in
 * their order and without gaps, and a reader who sees one sees all before it – whoever else numbers at the same time.
 *
 * Changes of one offer keep their order: a later one is written only after the earlier has committed (compare-and-set),
 * its commit has a higher id (`appendChanges`), and so whoever sees the later one sees the earlier too. An id may be
 * passed and come later, when its transaction took long; it changed other offers then.
 */
export const numberChanges = async (tx: RawSql, limit: number): Promise<Numbered> => {
  // A statement of its own: the next one must see what was numbered before the lock was ours.
  const [stream] = await tx.$queryRaw<{ lastSeq: number }[]>`
    SELECT last_seq::float8 AS "lastSeq" FROM offer_stream FOR UPDATE`
  const { lastSeq } = stream ?? missing()
  const numbered = await tx.$queryRaw<{ changes: number }[]>`
    UPDATE offer_commits m SET first_seq = ${lastSeq}::bigint + n.before + 1
    FROM (
      SELECT id, sum(changes) OVER (ORDER BY id) - changes AS before
      FROM (SELECT id, changes FROM offer_commits WHERE first_seq IS NULL ORDER BY id LIMIT ${limit}) oldest
    ) n
    WHERE m.id = n.id
    RETURNING m.changes`
  const changes = numbered.reduce((sum, commit) => sum + commit.changes, 0)
  if (changes > 0) await tx.$executeRaw`UPDATE offer_stream SET last_seq = last_seq + ${changes}`
  return { commits: numbered.length, changes }
}

/** Everything up to here is confirmed by the broker. Never goes back. */
export const markPublished = async (sql: RawSql, seq: number): Promise<void> => {
  await sql.$executeRaw`
    UPDATE offer_stream SET published_seq = ${seq}::bigint WHERE published_seq < ${seq}::bigint`
}

export interface StreamLag {
  /** Changes that are committed and not published. */
  unpublished: number
  /** How long the oldest of them has waited; absent when there is none. */
  oldestSeconds?: number
}

export const streamLag = async (sql: Sql): Promise<StreamLag> => {
  const [lag] = await sql.$queryRaw<Nullable<StreamLag>[]>`
    SELECT (last_seq - published_seq + (
             SELECT COALESCE(sum(changes), 0) FROM offer_commits WHERE first_seq IS NULL
           ))::float8 AS unpublished,
           extract(epoch FROM now() - least(
             (SELECT created_at FROM offer_commits WHERE last_seq > published_seq AND first_seq <= published_seq + 1
              ORDER BY first_seq DESC LIMIT 1),
             (SELECT created_at FROM offer_commits WHERE first_seq IS NULL ORDER BY id LIMIT 1)
           ))::float8 AS "oldestSeconds"
    FROM offer_stream`
  return lag === undefined ? missing() : present<StreamLag>(lag)
}

const missing = (): never => {
  throw new Error('Table offer_stream has lost its only row: the migrations put it there')
}
