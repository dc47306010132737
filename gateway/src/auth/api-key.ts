import { isSameDigest, keyDigest } from '@sluice/shared/keys'
import type { ApiKeyAuth } from '@sluice/shared/auth'
import { refused, type Authentication, type RawRequest } from './scheme.ts'
import { invalidity, type Validity } from './validity.ts'

/** A key of a source as it is cached: never the key, only its digest. */
export interface CachedKey extends Validity {
  id: number
  digest: string
}

/**
 * An API key in `X-API-Key` (or the header the source names), in `Authorization: Bearer`, or, only where the source
 * allows it, in the query; the first of these wins. Every key of the source is compared, in constant time, whatever
 * the others gave.
 */
export const authenticateByApiKey = (
  request: Pick<RawRequest, 'headers' | 'url'>,
  settings: ApiKeyAuth,
  keys: readonly CachedKey[],
  nowMs: number
): Authentication => {
  const given = givenKey(request, settings)
  if (given === undefined) {
    return { ...refused('API_KEY_MISSING', 'missing'), header: settings.header ?? DEFAULT_HEADER }
  }
  const digest = keyDigest(given)
  let match: CachedKey | undefined
  for (const key of keys) if (isSameDigest(key.digest, digest)) match = key // and on: no early end tells which
  if (match === undefined) return refused('API_KEY_INVALID', 'unknown')
  const reason = invalidity(match, nowMs)
  return reason === undefined ? { ok: true, keyId: match.id } : refused('API_KEY_INVALID', reason)
}

const DEFAULT_HEADER = 'X-API-Key'
const BEARER = /^Bearer +(\S+) *$/i

const givenKey = (
  { headers, url }: Pick<RawRequest, 'headers' | 'url'>,
  { header = DEFAULT_HEADER, query }: ApiKeyAuth
): string | undefined => {
  const inHeader = headers[header.toLowerCase()]
  if (typeof inHeader === 'string' && inHeader !== '') return inHeader
  const bearer = BEARER.exec(headers.authorization ?? '')?.[1]
  if (bearer !== undefined || query === undefined) return bearer
  const start = url.indexOf('?')
  const inQuery = start < 0 ? undefined : new URLSearchParams(url.slice(start)).get(query)
  return inQuery === '' || inQuery === null ? undefined : inQuery
}
