import type { Sql } from '../client.ts'
import { LIST_LIMIT, present } from '../rows.ts'
import { VALID_FIRST } from '../valid-first.ts'

export interface SourceSecretRow {
  id: number
  sourceId: number
  /** What people tell secrets apart by; unique in a source. */
  label: string
  /** See `@sluice/shared/sealing`. */
  sealed: Uint8Array
  notBefore?: Date
  expiresAt?: Date
  revokedAt?: Date
  lastUsedAt?: Date
  createdAt: Date
}

export interface NewSourceSecret {
  sourceId: number
  label: string
  sealed: Uint8Array<ArrayBuffer>
  notBefore?: Date
  expiresAt?: Date
}

/** `undefined` when the source has a secret of that label. */
export const createSourceSecret = async (
  sql: Sql,
  secret: NewSourceSecret
): Promise<SourceSecretRow | undefined> => {
  const [created] = await sql.sourceSecret.createManyAndReturn({ data: [secret], skipDuplicates: true })
  return created === undefined ? undefined : present<SourceSecretRow>(created)
}

/** Newest first, behind them the revoked ones, so that a refusal can say why. */
export const secretsOfSource = async (
  sql: Sql,
  sourceId: number,
  limit = SECRETS_PER_SOURCE
): Promise<SourceSecretRow[]> => {
  const rows = await sql.sourceSecret.findMany({ where: { sourceId }, orderBy: VALID_FIRST, take: limit })
  return rows.map((row) => present<SourceSecretRow>(row))
}

/** Far more than anybody rotates; those that are not revoked are bounded by who adds them. */
const SECRETS_PER_SOURCE = 100

/** Newest first; `after` is the last id of the page before. */
export const listSourceSecrets = async (
  sql: Sql,
  { sourceSlug, limit = LIST_LIMIT, after }: { sourceSlug?: string; limit?: number; after?: number } = {}
): Promise<(SourceSecretRow & { sourceSlug: string })[]> => {
  const rows = await sql.sourceSecret.findMany({
    where: {
      ...(sourceSlug === undefined ? {} : { source: { slug: sourceSlug } }),
      ...(after === undefined ? {} : { id: { lt: after } })
    },
    include: { source: { select: { slug: true } } },
    orderBy: { id: 'desc' },
    take: limit
  })
  return rows.map(({ source, ...row }) =>
    Object.assign(present<SourceSecretRow>(row), { sourceSlug: source.slug })
  )
}

/** Idempotent: the first time of revocation stays. `undefined`: no such secret. */
export const revokeSourceSecret = async (
  sql: Sql,
  sourceId: number,
  label: string
): Promise<SourceSecretRow | undefined> => {
  await sql.sourceSecret.updateMany({
    where: { sourceId, label, revokedAt: null },
    data: { revokedAt: new Date() }
  })
  const row = await sql.sourceSecret.findFirst({ where: { sourceId, label } })
  return row === null ? undefined : present<SourceSecretRow>(row)
}

/** The same secret under another master key; `false` when somebody sealed it anew meanwhile. */
export const resealSourceSecret = async (
  sql: Sql,
  { id, from, to }: { id: number; from: Uint8Array<ArrayBuffer>; to: Uint8Array<ArrayBuffer> }
): Promise<boolean> => {
  const { count } = await sql.sourceSecret.updateMany({ where: { id, sealed: from }, data: { sealed: to } })
  return count === 1
}
