import type { Sql } from '../client.ts'
import { present, type Id, type Nullable } from '../rows.ts'

/** `run`: a feed cannot be read, or only in part. `removals`: what vanished from it waits for somebody. */
export type IncidentKind = 'run' | 'removals'

/** A trouble with a feed, from the run that met it until one that did not. People are told once of its begin and end. */
export interface IncidentRow {
  id: Id
  sourceSlug: string
  vendorSlug: string
  kind: IncidentKind
  code: string
  message: string
  runId: Id
  openedAt: Date
  /** Absent while it lasts. */
  closedAt?: Date
  /** When people were told of its begin. */
  toldAt?: Date
  /** How often somebody tried to tell what is to be told now. */
  attempts: number
}

export interface NewIncident {
  sourceId: number
  kind: IncidentKind
  code: string
  message: string
  runId: Id
}

/** Belongs into the transaction that ends the run. While one of the kind is open, another is the same. */
export const openIncident = async (
  tx: Sql,
  { sourceId, kind, code, message, runId }: NewIncident
): Promise<void> => {
  await tx.$executeRaw`
    INSERT INTO incidents (source_id, kind, code, message, run_id)
    VALUES (${sourceId}, ${kind}, ${code}, ${message}, ${runId}::bigint)
    ON CONFLICT (source_id, kind) WHERE closed_at IS NULL DO NOTHING`
}

/** The same for a run that met no such trouble. */
export const closeIncident = async (tx: Sql, sourceId: number, kind: IncidentKind): Promise<void> => {
  await tx.$executeRaw`
    UPDATE incidents SET closed_at = now(), next_at = now(), attempts = 0
    WHERE source_id = ${sourceId} AND kind = ${kind} AND closed_at IS NULL`
}

/**
 * Takes incidents people must be told of, oldest first, for `retryMs`: whoever dies with them leaves them to another
 * one then. After `maxAttempts` they are given up.
 */
export const takeUntold = async (
  sql: Sql,
  { limit, retryMs, maxAttempts }: { limit: number; retryMs: number; maxAttempts: number }
): Promise<IncidentRow[]> => {
  const rows = await sql.$queryRaw<Nullable<IncidentRow>[]>`
    WITH taken AS (
      UPDATE incidents SET attempts = attempts + 1, next_at = now() + ${retryMs}::float8 * interval '1 ms'
      WHERE id = ANY (ARRAY(
        SELECT id FROM incidents
        WHERE (told_at IS NULL OR closed_at IS NOT NULL AND told_over_at IS NULL)
          AND next_at <= now() AND attempts < ${maxAttempts}
        ORDER BY id LIMIT ${limit} FOR UPDATE SKIP LOCKED
      ))
      RETURNING *
    )
    SELECT i.id::text AS id, s.slug AS "sourceSlug", v.slug AS "vendorSlug", i.kind, i.code, i.message,
           i.run_id::text AS "runId", i.opened_at AS "openedAt", i.closed_at AS "closedAt", i.told_at AS "toldAt",
           i.attempts
    FROM taken i JOIN sources s ON s.id = i.source_id JOIN vendors v ON v.id = s.vendor_id
    ORDER BY i.id`
  return rows.map((row) => present<IncidentRow>(row))
}

/** People know of its begin, or, if they knew that, of its end. */
export const markTold = async (sql: Sql, { id, toldAt }: IncidentRow): Promise<void> => {
  await sql.$executeRaw`
    UPDATE incidents SET attempts = 0, next_at = now(), told_at = COALESCE(told_at, now()),
      told_over_at = CASE WHEN ${toldAt ?? null}::timestamptz IS NULL THEN told_over_at ELSE now() END
    WHERE id = ${id}::bigint`
}
