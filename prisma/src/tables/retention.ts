import type { Sql } from '../client.ts'
import { Prisma } from '../generated/client.ts'

/** How long rows are kept. What is not on this list is on the one below it. */
export interface RetentionRule {
  table: string
  keepDays: number
  /** Whether a row `t` is over since before an instant. */
  expired: (before: Date) => Prisma.Sql
}

/** From short to long; a newest row that others go by is never among the expired. */
export const RETENTION: readonly RetentionRule[] = [
  // Raw records of webhooks: what `sluice remap` can send again.
  { table: 'deliveries', keepDays: 30, expired: (before) => Prisma.sql`t.settled_at < ${before}` },
  { table: 'refusals', keepDays: 30, expired: (before) => Prisma.sql`t.minute < ${before}` },
  // Only closed ones: an open one stays for as long as nobody has mended it.
  { table: 'rejections', keepDays: 90, expired: (before) => Prisma.sql`t.closed_at < ${before}` },
  // Only what somebody has replayed or discarded.
  {
    table: 'dead_letters',
    keepDays: 90,
    expired: (before) => Prisma.sql`GREATEST(t.replayed_at, t.discarded_at) < ${before}`
  },
  // Only what is over.
  { table: 'incidents', keepDays: 90, expired: (before) => Prisma.sql`t.closed_at < ${before}` },
  // A feed's newest run that is done says which body was read last, its newest list which offers there are.
  {
    table: 'feed_runs',
    keepDays: 90,
    expired: (before) => Prisma.sql`t.finished_at < ${before} AND t.state NOT IN ('reading', 'settling')
      AND t.id <> ALL (
        SELECT max(d.id) FROM feed_runs d WHERE d.source_id = t.source_id AND d.state = 'done' GROUP BY d.source_id
        UNION ALL
        SELECT max(d.id) FROM feed_runs d WHERE d.source_id = t.source_id AND d.removals IS NOT NULL GROUP BY d.source_id
      )`
  }
]

/** What no rule deletes, and why. */
export const KEPT: Readonly<Record<string, string>> = {
  vendors: 'what people have typed in',
  sources: 'what people have typed in',
  api_keys: 'a revoked key says whom we once let in',
  source_secrets: 'the same',
  locations: 'places do not grow old',
  offers: 'a withdrawn one is a tombstone: an older fact may not bring it back',
  offer_changes: 'the stream out is read from its first change on, without gaps (docs/stream.md)',
  first_contents: 'what the first changes of offers say (offer_history)',
  offer_commits: 'the places of the changes in the stream out',
  offer_stream: 'one row',
  feed_records: 'one row an offer; what the next run is compared with',
  expiries: 'each goes when its time has come (`expiries.ts`)',
  run_seen: 'goes with its run, when a newer one has read the whole list',
  outbox: 'not delivered yet',
  outbox_usage: 'one row a source',
  dead_letter_acts: 'goes with its letter'
}

const DAY_MS = 24 * 3_600_000

/** Deletes at most `limit` rows of a table that are over by its rule; returns how many it deleted. */
export const purge = (
  sql: Sql,
  { table, keepDays, expired }: RetentionRule,
  { now, limit }: { now: Date; limit: number }
): Promise<number> => {
  const name = Prisma.raw(`"${table}"`)
  const before = new Date(now.getTime() - keepDays * DAY_MS)
  // What somebody else is at is left to them, or to the next time.
  return sql.$executeRaw`
    DELETE FROM ${name} WHERE ctid = ANY (ARRAY(
      SELECT t.ctid FROM ${name} t WHERE ${expired(before)} LIMIT ${limit} FOR UPDATE OF t SKIP LOCKED
    ))`
}
