import type { Stamp } from '@sluice/shared/stamp'
import type { Micros } from '@sluice/shared/time'
import type { RawSql, Sql } from '../client.ts'
import { Prisma } from '../generated/client.ts'
import { present, toRows, type Id, type Nullable } from '../rows.ts'

/** Until when the record of an offer says that it holds. */
export interface Expiry {
  sourceId: number
  externalId: string
  /** Of the record; it counts as long as that is the stamp of the offer's presence. */
  stamp: Stamp
  expiresAt: Micros
  /** Of a feed's record. */
  runId?: Id
}

/** Notes what records say, the newest of each source; belongs into the transaction that applies them. */
export const noteExpiries = async (tx: RawSql, rows: readonly Expiry[]): Promise<void> => {
  if (rows.length === 0) return
  await tx.$executeRaw`
    INSERT INTO expiries AS e (source_id, external_id, stamp, expires_at, run_id)
    SELECT DISTINCT ON ("sourceId", "externalId" COLLATE "C")
           "sourceId", "externalId", stamp, to_timestamp("expiresAt" / 1e6), "runId"
    FROM jsonb_to_recordset(${toRows(rows)}::jsonb) AS r(
      "sourceId" int, "externalId" text, stamp text, "expiresAt" float8, "runId" bigint
    )
    ORDER BY "sourceId", "externalId" COLLATE "C", stamp COLLATE "C" DESC
    ON CONFLICT (source_id, external_id) DO UPDATE SET
      stamp = EXCLUDED.stamp, expires_at = EXCLUDED.expires_at, run_id = EXCLUDED.run_id, sent_at = NULL
    WHERE EXCLUDED.stamp > e.stamp`
}

/** An offer whose time is over, and what it takes to say so in the name of its source. */
export interface ExpiredOffer extends Expiry {
  vendorSlug: string
  sourceSlug: string
  format: string
  sourceRevision: number
}

/** A word that was sent and changed nothing for so long is sent again: its sender may have died with it. */
const AGAIN_AFTER = Prisma.sql`interval '30 minutes'`
/** So many words may be under way: a feed whose offers are all over at midnight floods no queue. */
const MAX_UNDER_WAY = 5_000

/** What decided last whether the offer is there. */
const PRESENCE_STAMP = Prisma.sql`COALESCE(o.unit_stamps ->> 'presence', o.base_stamp) COLLATE "C"`

/** How long the run of a feed that is due is waited for: its file may say a later time. */
const PATIENCE_MS = 3_600_000

/**
 * Takes offers whose time is over and that are there all the same, by that record and nothing newer: nobody else gets them
 * for a while. Those of a feed that is due (it is until its run has ended) wait for the first run that ends behind their
 * time, for no longer than an hour past that time and past the start of who asks, `awakeMs` ago. The clock is the
 * database's.
 */
export const takeExpired = async (
  sql: Sql,
  { limit, awakeMs }: { limit: number; awakeMs: number }
): Promise<ExpiredOffer[]> => {
  const patienceMs = awakeMs < PATIENCE_MS ? null : PATIENCE_MS
  const rows = await sql.$queryRaw<Nullable<ExpiredOffer>[]>`
    WITH expected AS MATERIALIZED (
      SELECT s.id, GREATEST(
        COALESCE(now() - ${patienceMs}::float8 * interval '1 ms', '-infinity'),
        (
          SELECT r.finished_at FROM feed_runs r
          WHERE r.source_id = s.id AND r.state IN ('done', 'failed') ORDER BY r.started_at DESC LIMIT 1
        )
      ) AS until
      FROM sources s
      WHERE s.kind = 'feed' AND s.paused_at IS NULL AND (s.next_run_at <= now() OR s.run_requested_at <= now())
    ), due AS (
      SELECT e.source_id, e.external_id FROM expiries e
      JOIN sources s ON s.id = e.source_id
      JOIN offers o ON o.vendor_id = s.vendor_id AND o.external_id = e.external_id
      WHERE e.expires_at <= now() AND (e.sent_at IS NULL OR e.sent_at < now() - ${AGAIN_AFTER})
        AND o.state = 'active' AND ${PRESENCE_STAMP} = e.stamp
        AND NOT EXISTS (SELECT FROM expected x WHERE x.id = e.source_id AND e.expires_at > x.until)
        -- One that died is in the dead letters, and waits there for a person.
        AND NOT EXISTS (
          SELECT FROM feed_records f
          WHERE f.source_id = e.source_id AND f.external_id = e.external_id AND f.outcome = 'dead' AND f.stamp > e.stamp
        )
      ORDER BY e.expires_at, e.source_id, e.external_id
      LIMIT least(${limit}, (
        SELECT greatest(0, ${MAX_UNDER_WAY} - count(*)) FROM expiries w
        WHERE w.expires_at <= now() AND w.sent_at >= now() - ${AGAIN_AFTER}
      ))
      FOR UPDATE OF e SKIP LOCKED
    )
    UPDATE expiries e SET sent_at = now()
    FROM due, sources s, vendors v
    WHERE e.source_id = due.source_id AND e.external_id = due.external_id
      AND s.id = e.source_id AND v.id = s.vendor_id
    RETURNING e.source_id AS "sourceId", e.external_id AS "externalId", e.stamp,
              (extract(epoch FROM e.expires_at) * 1e6)::float8 AS "expiresAt", e.run_id::text AS "runId",
              v.slug AS "vendorSlug", s.slug AS "sourceSlug", s.format, s.revision AS "sourceRevision"`
  return rows.map((row) => present<ExpiredOffer>(row))
}

/** Until when an offer is there, if the record that decides it says so. */
export const findExpiry = async (
  sql: Sql,
  { vendorId, externalId }: { vendorId: number; externalId: string }
): Promise<Date | undefined> => {
  const [row] = await sql.$queryRaw<{ expiresAt: Date }[]>`
    SELECT e.expires_at AS "expiresAt" FROM offers o
    JOIN sources s ON s.vendor_id = o.vendor_id
    JOIN expiries e ON e.source_id = s.id AND e.external_id = o.external_id
    WHERE o.vendor_id = ${vendorId} AND o.external_id = ${externalId}
      AND o.state = 'active' AND ${PRESENCE_STAMP} = e.stamp`
  return row?.expiresAt
}

/** Those of which the word did not leave are anybody's again. */
export const giveBackExpired = async (sql: Sql, rows: readonly Expiry[]): Promise<void> => {
  await sql.$executeRaw`
    WITH given AS (
      SELECT e.source_id, e.external_id FROM expiries e
      JOIN jsonb_to_recordset(${toRows(rows)}::jsonb) AS r("sourceId" int, "externalId" text, stamp text)
        ON e.source_id = r."sourceId" AND e.external_id = r."externalId" AND e.stamp = r.stamp
      ORDER BY e.source_id, e.external_id FOR UPDATE OF e
    )
    UPDATE expiries e SET sent_at = NULL FROM given
    WHERE e.source_id = given.source_id AND e.external_id = given.external_id`
}

/** Forgets times that are over and decide nothing any more: the offer is withdrawn, or something newer was said. */
export const dropExpired = (sql: Sql): Promise<number> =>
  sql.$executeRaw`
    WITH settled AS (
      SELECT e.source_id, e.external_id FROM expiries e JOIN sources s ON s.id = e.source_id
      WHERE e.expires_at <= now()
        AND NOT EXISTS (
          SELECT FROM offers o
          WHERE o.vendor_id = s.vendor_id AND o.external_id = e.external_id
            AND o.state <> 'withdrawn' AND ${PRESENCE_STAMP} = e.stamp
        )
      ORDER BY e.source_id, e.external_id FOR UPDATE OF e SKIP LOCKED
    )
    DELETE FROM expiries e USING settled
    WHERE e.source_id = settled.source_id AND e.external_id = settled.external_id`
