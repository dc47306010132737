import type { RawSql, Sql } from '../client.ts'
import type { Id } from '../rows.ts'

/** Notes the ids a run's reader sees, each once; returns those that it had seen before. */
export const markSeen = async (
  sql: RawSql,
  runId: Id,
  externalIds: readonly string[]
): Promise<Set<string>> => {
  if (externalIds.length === 0) return new Set()
  const rows = await sql.$queryRaw<{ id: string }[]>`
    WITH ids AS MATERIALIZED (
      SELECT DISTINCT id FROM jsonb_array_elements_text(${JSON.stringify(externalIds)}::jsonb) AS ids(id)
    ), noted AS (
      INSERT INTO run_seen (run_id, external_id) SELECT ${runId}::bigint, id FROM ids ORDER BY id COLLATE "C"
      ON CONFLICT DO NOTHING
      RETURNING external_id
    )
    SELECT id FROM ids WHERE NOT EXISTS (SELECT FROM noted WHERE noted.external_id = ids.id)`
  return new Set(rows.map(({ id }) => id))
}

/**
 * Of the ended runs of a feed, keeps what its newest list held, with what later runs saw that were no lists: that is
 * what is there as far as anybody knows. A list whose removals somebody released is kept as it was, until they are done.
 */
export const keepNewestSeen = async (tx: Sql, sourceId: number): Promise<void> => {
  await tx.$executeRaw`
    INSERT INTO run_seen (run_id, external_id)
    SELECT DISTINCT list.id, s.external_id
    FROM (SELECT max(id) AS id FROM feed_runs WHERE source_id = ${sourceId} AND removals IS NOT NULL) list
    JOIN feed_runs r ON r.source_id = ${sourceId} AND r.id > list.id AND r.state NOT IN ('reading', 'settling')
    JOIN run_seen s ON s.run_id = r.id
    ORDER BY s.external_id
    ON CONFLICT DO NOTHING`
  await tx.$executeRaw`
    DELETE FROM run_seen USING feed_runs r
    WHERE run_seen.run_id = r.id AND r.source_id = ${sourceId} AND r.state NOT IN ('reading', 'settling')
      AND r.removals IS DISTINCT FROM 'released'
      AND r.id IS DISTINCT FROM (
        SELECT max(id) FROM feed_runs WHERE source_id = ${sourceId} AND removals IS NOT NULL
      )`
}
