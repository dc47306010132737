import type { Sql } from '../client.ts'
import { LIST_LIMIT, present } from '../rows.ts'
import { VALID_FIRST } from '../valid-first.ts'

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

/** The keys of a source, newest first; behind them the revoked ones, so that a refusal can say why. */
export const keysOfSource = async (sql: Sql, sourceId: number): Promise<KeyOfSource[]> => {
  const rows = await sql.apiKey.findMany({
    where: { sourceId },
    select: { id: true, digest: true, notBefore: true, expiresAt: true, revokedAt: true },
    orderBy: VALID_FIRST,
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
