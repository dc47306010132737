import type { Sql } from '../client.ts'
import { LIST_LIMIT, present, toRows } from '../rows.ts'

export interface ApiKeyRow {
  id: number
  sourceId: number
  /** The part of the key that may be shown. */
  prefix: string
  /** Hex sha256 of the key. */
  digest: string
  notBefore?: Date
  expiresAt?: Date
  revokedAt?: Date
  lastUsedAt?: Date
  createdAt: Date
}

export interface NewApiKey {
  sourceId: number
  prefix: string
  digest: string
  notBefore?: Date
  expiresAt?: Date
}

export const createApiKey = async (sql: Sql, key: NewApiKey): Promise<ApiKeyRow> =>
  present<ApiKeyRow>(await sql.apiKey.create({ data: key }))

/** Newest first. */
export const listApiKeys = async (
  sql: Sql,
  { sourceSlug, limit = LIST_LIMIT }: { sourceSlug?: string; limit?: number } = {}
): Promise<(ApiKeyRow & { sourceSlug: string })[]> => {
  const rows = await sql.apiKey.findMany({
    where: sourceSlug === undefined ? {} : { source: { slug: sourceSlug } },
    include: { source: { select: { slug: true } } },
    orderBy: { id: 'desc' },
    take: limit
  })
  return rows.map(({ source, ...key }) =>
    present<ApiKeyRow & { sourceSlug: string }>(Object.assign(key, { sourceSlug: source.slug }))
  )
}

export type KeyOfSource = Pick<ApiKeyRow, 'id' | 'digest' | 'notBefore' | 'expiresAt' | 'revokedAt'>

/** Every key of a source, newest first: revoked and expired ones too, so that a refusal can say why. */
export const keysOfSource = async (sql: Sql, sourceId: number): Promise<KeyOfSource[]> => {
  const rows = await sql.apiKey.findMany({
    where: { sourceId },
    select: { id: true, digest: true, notBefore: true, expiresAt: true, revokedAt: true },
    orderBy: { id: 'desc' },
    take: KEYS_PER_SOURCE
  })
  return rows.map((row) => present<KeyOfSource>(row))
}

/** Each key costs the gateway one comparison a request, and nobody rotates this many. */
const KEYS_PER_SOURCE = 1_000

/** Takes the prefix as shown, or the id. Idempotent: the first time of revocation stays. `undefined`: no such key. */
export const revokeApiKey = async (sql: Sql, prefixOrId: string): Promise<ApiKeyRow | undefined> => {
  const where = /^\d{1,9}$/.test(prefixOrId) ? { id: Number(prefixOrId) } : { prefix: prefixOrId }
  await sql.apiKey.updateMany({ where: { ...where, revokedAt: null }, data: { revokedAt: new Date() } })
  const row = await sql.apiKey.findFirst({ where, orderBy: { id: 'desc' } })
  return row === null ? undefined : present<ApiKeyRow>(row)
}

/** When keys were last used; a time older than the stored one changes nothing. */
export const touchApiKeys = async (
  sql: Sql,
  uses: readonly { id: number; usedAt: Date }[]
): Promise<void> => {
  if (uses.length === 0) return
  await sql.$executeRaw`
    WITH used AS (
      SELECT id, max("usedAt") AS at
      FROM jsonb_to_recordset(${toRows(uses)}::jsonb) AS r(id int, "usedAt" timestamptz)
      GROUP BY id
    ), locked AS (
      SELECT k.id, used.at FROM api_keys k JOIN used USING (id)
      WHERE k.last_used_at IS NULL OR k.last_used_at < used.at
      ORDER BY k.id FOR UPDATE OF k
    )
    UPDATE api_keys k SET last_used_at = locked.at FROM locked WHERE k.id = locked.id`
}
