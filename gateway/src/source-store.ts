import type { Db } from '@sluice/prisma/client'
import { keysOfSource } from '@sluice/prisma/tables/api-keys'
import { secretsOfSource } from '@sluice/prisma/tables/source-secrets'
import { findSource, sourcesVersion, type OnBrokerDown, type OnPaused } from '@sluice/prisma/tables/sources'
import type { CachedKey, CachedSecret } from './auth/index.ts'
import type { Validity } from './auth/validity.ts'

/**
 * What the gateway must know of a source to answer for it. Plain JSON: a copy in Redis reads back the same. Its secrets
 * are sealed, there as in Postgres.
 */
export interface Source {
  id: number
  slug: string
  vendor: string
  kind: 'webhook' | 'feed'
  format: string
  timeZone: string
  /** Steps to the records inside a wrapper. */
  recordsPath?: readonly string[] | undefined
  revision: number
  isPaused: boolean
  onBrokerDown: OnBrokerDown
  onPaused: OnPaused
  /** Requests a minute; absent: as many as come. */
  rateLimit?: number | undefined
  /** How senders are known: `{ scheme, … }`, understood by `auth/`. */
  auth: unknown
  keys: readonly CachedKey[]
  secrets: readonly CachedSecret[]
}

/** Where sources truly are. */
export interface SourceStore {
  load: (slug: string) => Promise<Source | undefined>
  /** A token that moves when any source, key or secret changes. */
  version: () => Promise<string>
}

export const createSourceStore = ({ sql }: Pick<Db, 'sql'>): SourceStore => ({
  load: async (slug) => {
    const row = await findSource(sql, slug)
    if (row === undefined) return undefined
    const [keys, secrets] = await Promise.all([keysOfSource(sql, row.id), secretsOfSource(sql, row.id)])
    return {
      id: row.id,
      slug: row.slug,
      vendor: row.vendorSlug,
      kind: row.kind,
      format: row.format,
      timeZone: row.timeZone,
      recordsPath: row.recordsPath,
      revision: row.revision,
      isPaused: row.pausedAt !== undefined,
      onBrokerDown: row.onBrokerDown,
      onPaused: row.onPaused,
      rateLimit: row.rateLimit,
      auth: row.auth,
      keys: keys.map((key) => Object.assign(toValidity(key), { id: key.id, digest: key.digest })),
      secrets: secrets.map((secret) =>
        Object.assign(toValidity(secret), {
          id: secret.id,
          sealed: Buffer.from(secret.sealed).toString('base64')
        })
      )
    }
  },
  version: () => sourcesVersion(sql)
})

/**
 * Runs every statement of a look-up once, of nobody, so that the first sender does not wait for it. A statement's first time
 * costs Prisma 50–150 ms of compiling, several times that on a busy machine: more than a request has. Best effort.
 */
export const prepareSourceStore = async ({ sql }: Pick<Db, 'sql'>): Promise<void> => {
  await Promise.allSettled([findSource(sql, ''), keysOfSource(sql, 0), secretsOfSource(sql, 0)])
}

const toValidity = (times: { notBefore?: Date; expiresAt?: Date; revokedAt?: Date }): Validity => ({
  notBefore: times.notBefore?.getTime(),
  expiresAt: times.expiresAt?.getTime(),
  revokedAt: times.revokedAt?.getTime()
})
