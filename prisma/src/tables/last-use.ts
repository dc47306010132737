import type { Sql } from '../client.ts'
import { Prisma } from '../generated/client.ts'
import { toRows } from '../rows.ts'

/** When one key or secret was used. */
export interface Use {
  id: number
  usedAt: Date
}

/** Writes when rows were last used; a time older than the stored one changes nothing. */
export const touchLastUsed = async (
  sql: Sql,
  table: 'api_keys' | 'source_secrets',
  uses: readonly Use[]
): Promise<void> => {
  if (uses.length === 0) return
  const rows = Prisma.raw(table)
  await sql.$executeRaw`
    WITH used AS (
      SELECT id, max("usedAt") AS at
      FROM jsonb_to_recordset(${toRows(uses)}::jsonb) AS r(id int, "usedAt" timestamptz)
      GROUP BY id
    ), locked AS (
      SELECT t.id, used.at FROM ${rows} t JOIN used USING (id)
      WHERE t.last_used_at IS NULL OR t.last_used_at < used.at
      ORDER BY t.id FOR UPDATE OF t
    )
    UPDATE ${rows} t SET last_used_at = locked.at FROM locked WHERE t.id = locked.id`
}
