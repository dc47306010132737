import type { Sql } from '../client.ts'
import { toRows } from '../rows.ts'

/** A place an offer can be in. */
export interface Place {
  /** The four names, normalised: equal keys are one place. */
  key: string
  country: string
  stateOrProvince?: string
  city?: string
  district?: string
}

/**
 * The ids of places, by key; unknown ones are added. One round trip, a second one only when somebody else was adding
 * the same place. Call it outside of transactions: an id that is rolled back must not be in a cache.
 */
export const resolveLocations = async (sql: Sql, places: readonly Place[]): Promise<Map<string, number>> => {
  if (places.length === 0) return new Map()
  const found = await sql.$queryRaw<Found[]>`
    WITH wanted AS (
      SELECT DISTINCT ON (key) key, country, "stateOrProvince", city, district
      FROM jsonb_to_recordset(${toRows(places)}::jsonb) AS r(
        key text, country text, "stateOrProvince" text, city text, district text
      )
      ORDER BY key
    ), known AS (
      SELECT l.id, l.key FROM locations l JOIN wanted USING (key)
    ), made AS (
      -- Only what is missing is tried: a conflict, too, would use up an id of the sequence.
      INSERT INTO locations (key, country, state_or_province, city, district)
      SELECT key, country, "stateOrProvince", city, district FROM wanted
      WHERE NOT EXISTS (SELECT FROM known WHERE known.key = wanted.key)
      ORDER BY key COLLATE "C"
      ON CONFLICT (key) DO NOTHING
      RETURNING id, key
    )
    SELECT id, key FROM known UNION ALL SELECT id, key FROM made`
  const ids = new Map(found.map(({ key, id }) => [key, id]))
  const lost = places.filter(({ key }) => !ids.has(key)).map(({ key }) => key)
  if (lost.length > 0) {
    const rows = await sql.location.findMany({
      where: { key: { in: [...new Set(lost)] } },
      select: { id: true, key: true }
    })
    for (const { key, id } of rows) ids.set(key, id)
  }
  return ids
}

/**
 * Changes when the table is made anew or truncated, or the server with it, be it from a backup as of an earlier time:
 * ids kept elsewhere belong to the generation they were read in.
 */
export const locationsGeneration = async (sql: Sql): Promise<string> => {
  const [row] = await sql.$queryRaw<[{ generation: string }]>`
    SELECT concat_ws('.', system.system_identifier, checkpoint.timeline_id,
                     (SELECT oid FROM pg_database WHERE datname = current_database()),
                     pg_relation_filenode('locations')) AS generation
    FROM pg_control_system() AS system, pg_control_checkpoint() AS checkpoint`
  return row.generation
}

interface Found {
  id: number
  key: string
}
