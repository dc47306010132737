import type { Sql } from '../client.ts'
import { Prisma } from '../generated/client.ts'
import { LIST_LIMIT, toForgivingRows } from '../rows.ts'

/** Requests of one source refused for one reason in one minute. */
export interface NewRefusal {
  sourceSlug: string
  /** The code the sender was answered with. */
  code: string
  minute: Date
  count: number
  lastAt: Date
  /** The first of them: who sent what, without any value of it. */
  sample: object
}

export interface RefusalRow extends NewRefusal {
  sample: Readonly<Record<string, unknown>>
}

/** Adds to what is counted already; a source that does not exist is left out. One statement. */
export const addRefusals = async (sql: Sql, refusals: readonly NewRefusal[]): Promise<void> => {
  if (refusals.length === 0) return
  await sql.$executeRaw`
    INSERT INTO refusals AS t (source_id, code, minute, count, last_at, sample)
    SELECT s.id, r.code, r.minute, r.count, r."lastAt", r.sample
    FROM jsonb_to_recordset(${toForgivingRows(refusals)}::jsonb) AS r(
      "sourceSlug" text, code text, minute timestamptz, count int, "lastAt" timestamptz, sample jsonb
    ) JOIN sources s ON s.slug = r."sourceSlug"
    ORDER BY s.id, r.code COLLATE "C", r.minute
    ON CONFLICT (source_id, code, minute) DO UPDATE
    SET count = t.count + EXCLUDED.count, last_at = GREATEST(t.last_at, EXCLUDED.last_at)`
}

/** Newest minute first. */
export const listRefusals = async (
  sql: Sql,
  {
    sourceSlug,
    code,
    since,
    limit = LIST_LIMIT
  }: { sourceSlug?: string; code?: string; since?: Date; limit?: number } = {}
): Promise<RefusalRow[]> => {
  const bySource = sourceSlug === undefined ? Prisma.empty : Prisma.sql`AND s.slug = ${sourceSlug}`
  const byCode = code === undefined ? Prisma.empty : Prisma.sql`AND t.code = ${code}`
  const byTime = since === undefined ? Prisma.empty : Prisma.sql`AND t.minute >= ${since}`
  return await sql.$queryRaw<RefusalRow[]>`
    SELECT s.slug AS "sourceSlug", t.code, t.minute, t.count, t.last_at AS "lastAt", t.sample
    FROM refusals t JOIN sources s ON s.id = t.source_id
    WHERE true ${bySource} ${byCode} ${byTime}
    ORDER BY t.minute DESC, t.last_at DESC, t.source_id, t.code LIMIT ${limit}`
}
