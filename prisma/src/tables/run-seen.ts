import type { Sql } from '../client.ts'
import type { Id } from '../rows.ts'

/** Notes the ids a run's reader saw; returns those it had not seen before. */
export const markSeen = async (sql: Sql, runId: Id, externalIds: readonly string[]): Promise<Set<string>> => {
  if (externalIds.length === 0) return new Set()
  const rows = await sql.$queryRaw<{ externalId: string }[]>`
    INSERT INTO run_seen (run_id, external_id)
    SELECT ${runId}::bigint, id
    FROM (SELECT DISTINCT id FROM jsonb_array_elements_text(${JSON.stringify(externalIds)}::jsonb) AS ids(id)) r
    ORDER BY id COLLATE "C"
    ON CONFLICT DO NOTHING
    RETURNING external_id AS "externalId"`
  return new Set(rows.map(({ externalId }) => externalId))
}

/** Forgets what ended runs of a feed saw: only a run under way needs it. */
export const forgetSeen = async (sql: Sql, sourceId: number): Promise<void> => {
  await sql.$executeRaw`
    DELETE FROM run_seen USING feed_runs r
    WHERE run_seen.run_id = r.id AND r.source_id = ${sourceId} AND r.state NOT IN ('reading', 'settling')`
}
