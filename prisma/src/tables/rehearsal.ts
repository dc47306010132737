import { ConfigError } from '@sluice/shared/errors'
import type { Sql } from '../client.ts'
import { sqlStateOf } from '../errors.ts'
import type { Id } from '../rows.ts'
import { findRun, type FeedRunRow } from './feed-runs.ts'

/**
 * A run that is rehearsed in a transaction which is rolled back at its end. The statements of a real run say the same in
 * it as they would in the run itself, and nobody else ever waits for it or sees it:
 * - its run is no live one, so no index keeps a scheduler from starting another; its marks in `run_seen` are its own;
 * - what workers write in rows others write too, `feed_records`, it writes in a copy: a temporary table hides the real one
 *   from the statements of this transaction.
 */

/**
 * Call it first, in a transaction.
 * @throws ConfigError `DB_TEMPORARY` when the role may make no temporary table
 */
export const rehearseRun = async (
  tx: Sql,
  { id, vendorId, fullRequested }: { id: number; vendorId: number; fullRequested: boolean }
): Promise<FeedRunRow> => {
  const [made] = await tx.$queryRaw<{ id: Id }[]>`
    INSERT INTO feed_runs (source_id, trigger, "full", state, lease_token, lease_until)
    VALUES (${id}, 'manual', ${fullRequested}, 'superseded', 'rehearsal', now())
    RETURNING id::text AS id`
  await hideRecords(tx, vendorId)
  const run = made === undefined ? undefined : await findRun(tx, made.id)
  if (run === undefined) throw new Error('a row that was inserted is not there')
  return run
}

const PERMISSION_DENIED = '42501'

/** Those of all the vendor's feeds: what vanished from one may be listed by another. */
const hideRecords = async (tx: Sql, vendorId: number): Promise<void> => {
  try {
    await tx.$executeRaw`
      CREATE TEMPORARY TABLE feed_records ON COMMIT DROP AS
      SELECT f.* FROM feed_records f JOIN sources s ON s.id = f.source_id WHERE s.vendor_id = ${vendorId}`
  } catch (thrown) {
    if (sqlStateOf(thrown) !== PERMISSION_DENIED) throw thrown
    const remedy = 'GRANT TEMPORARY ON DATABASE … TO … lets it'
    throw new ConfigError(
      'DB_TEMPORARY',
      [`The role of DATABASE_URL may make no temporary table: ${remedy}`],
      {
        cause: thrown
      }
    )
  }
  await tx.$executeRaw`CREATE UNIQUE INDEX ON feed_records (source_id, external_id)`
  await tx.$executeRaw`CREATE INDEX ON feed_records (source_id, record_hash)`
  await tx.$executeRaw`ANALYZE feed_records`
}
