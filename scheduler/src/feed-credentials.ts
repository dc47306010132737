import type { FetchSettings } from '@sluice/shared/fetch-settings'
import { SealError, secretContext, type Sealing } from '@sluice/shared/sealing'
import type { Sql } from '@sluice/prisma/client'
import { touchLastUsed } from '@sluice/prisma/tables/last-use'
import { secretsOfSource, type SourceSecretRow } from '@sluice/prisma/tables/source-secrets'
import type { SourceRow } from '@sluice/prisma/tables/sources'
import { RunError } from './errors.ts'
import type { Credentials } from './fetch/credentials.ts'

/**
 * What a feed is fetched with: its settings say how, the newest of its secrets that counts says what.
 * @throws RunError `FETCH_CREDENTIALS` when the settings want a secret and none can be had
 */
export const loadCredentials = async (
  sql: Sql,
  sealing: Sealing | undefined,
  source: Pick<SourceRow, 'id' | 'slug'>,
  { credentials }: FetchSettings
): Promise<{ credentials: Credentials; secretId: number } | undefined> => {
  if (credentials === undefined) return undefined
  if (sealing === undefined) {
    throw unusable(source.slug, 'there is no SLUICE_SECRETS_KEY to open its secret with')
  }
  const now = new Date()
  const row = (await secretsOfSource(sql, source.id)).find((secret) => counts(secret, now))
  if (row === undefined) throw unusable(source.slug, 'it has no secret that is valid now')
  return { credentials: { ...credentials, secret: open(sealing, source, row) }, secretId: row.id }
}

export const noteUse = (sql: Sql, secretId: number): Promise<void> =>
  touchLastUsed(sql, 'source_secrets', [{ id: secretId, usedAt: new Date() }])

const counts = ({ revokedAt, expiresAt, notBefore }: SourceSecretRow, now: Date): boolean =>
  revokedAt === undefined && (expiresAt ?? Infinity) > now && (notBefore ?? 0) <= now

const open = (sealing: Sealing, { id, slug }: { id: number; slug: string }, row: SourceSecretRow): string => {
  try {
    return sealing.open(row.sealed, secretContext(id))
  } catch (thrown) {
    if (thrown instanceof SealError) throw unusable(slug, `of ${row.label}: ${thrown.message}`)
    throw thrown
  }
}

const unusable = (slug: string, why: string): RunError =>
  new RunError(
    'FETCH_CREDENTIALS',
    `The credentials of ${slug} cannot be used: ${why}. \`sluice feeds access ${slug}\` sets them`
  )
