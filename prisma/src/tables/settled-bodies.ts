import { NO_RECORD_HASH } from '@sluice/shared/envelope'
import type { Sql } from '../client.ts'
import { present, type Id, type Nullable } from '../rows.ts'

/** A file that was read whole and of which nothing is open any more: the same file again has nothing to say. */
export interface SettledBody {
  /** The run that read it. */
  runId: Id
  bodySha256: string
  /** As the server last gave them, which may be later than that run. */
  etag?: string
  lastModified?: string
  recordsSeen: number
  duplicates: number
}

export interface SettledQuestion {
  sourceId: number
  /** The run that asks. */
  runId: Id
  formatVersion: number
  sourceRevision: number
}

/**
 * The file of the run before, if all of these hold; whatever else may have happened, the file is read again:
 * - no run since has published anything, however it ended: a run that was cut off may have sent another file's records;
 * - it was read completely, under this format version and source revision;
 * - the source was not edited since, nor resumed: while it was paused its list held nothing;
 * - every record it published has settled in a way that would be skipped (`findSkippable`), and everything that had
 *   vanished from it has settled – what is still on its way, or dead, or was overtaken, is sent again.
 */
export const findSettledBody = async (
  sql: Sql,
  { sourceId, runId, formatVersion, sourceRevision }: SettledQuestion
): Promise<SettledBody | undefined> => {
  const [row] = await sql.$queryRaw<Nullable<SettledBody>[]>`
    WITH newest AS (
      SELECT * FROM feed_runs
      WHERE source_id = ${sourceId} AND id <> ${runId}::bigint
        AND NOT (state = 'failed' AND records_seen = 0 AND published = 0)
      ORDER BY id DESC LIMIT 1
    )
    SELECT base.id::text AS "runId", base.body_sha256 AS "bodySha256", newest.etag,
           newest.last_modified AS "lastModified", base.records_seen AS "recordsSeen", base.duplicates
    FROM newest JOIN feed_runs base ON base.id = COALESCE(newest.unchanged_since, newest.id)
    JOIN sources s ON s.id = base.source_id AND s.updated_at < base.started_at
    WHERE newest.state = 'done' AND base.snapshot = 'complete' AND base.error_code IS NULL
      AND base.body_sha256 IS NOT NULL
      AND base.format_version = ${formatVersion} AND base.source_revision = ${sourceRevision}
      AND base.published + base.vanished = (
        SELECT count(*) FROM feed_records
        WHERE run_id = base.id AND (
          outcome IN ('created', 'updated', 'unchanged', 'rejected')
          OR record_hash = ${NO_RECORD_HASH} AND outcome NOT IN ('retried', 'dead')
        )
      )`
  return row === undefined ? undefined : present<SettledBody>(row)
}
