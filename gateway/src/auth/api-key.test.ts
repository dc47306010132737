import { describe, expect, it } from 'vitest'
import { createKey, isSameDigest } from '@sluice/shared/keys'
import type { ApiKeyAuth } from '@sluice/shared/auth'
import { authenticateByApiKey, type CachedKey } from './api-key.ts'
import { toAuthRefusal } from './refuse.ts'
import type { RawRequest } from './scheme.ts'

const NOW = Date.UTC(2026, 10, 23)
const { key, digest } = createKey()
const KEY: CachedKey = { id: 7, digest }
const other: CachedKey = { id: 8, digest: createKey().digest }

const ask = (
  headers: RawRequest['headers'],
  keys: readonly CachedKey[],
  { url = '/webhooks/acme', ...settings }: Partial<ApiKeyAuth> & { url?: string } = {}
) => authenticateByApiKey({ headers, url }, { scheme: 'api-key', ...settings }, keys, NOW)

const at = (times: Partial<CachedKey>) => ask({ 'x-api-key': key }, [{ ...KEY, ...times }])

describe('an API key', () => {
  it.each([
    ['X-API-Key', { 'x-api-key': key }],
    ['Authorization: Bearer', { authorization: `Bearer ${key}` }],
    ['bearer in any case', { authorization: `bearer ${key}` }]
  ])('is taken from %s', (_, headers) => {
    expect(ask(headers, [other, KEY])).toEqual({ ok: true, keyId: 7 })
  })

  it.each([
    ['nothing', {}],
    ['an empty header', { 'x-api-key': '' }],
    ['another scheme', { authorization: `Basic ${key}` }],
    ['a scheme without a key', { authorization: 'Bearer ' }]
  ])('is missing when the request has %s', (_, headers) => {
    expect(ask(headers, [KEY])).toEqual({
      ok: false,
      code: 'API_KEY_MISSING',
      reason: 'missing',
      missing: true,
      header: 'X-API-Key'
    })
  })

  it('is unknown when it differs anywhere, or belongs to another source', () => {
    for (const wrong of [`${key}x`, key.slice(1), ` ${key}`, key.toUpperCase(), createKey().key]) {
      expect(ask({ 'x-api-key': wrong }, [KEY])).toMatchObject({ reason: 'unknown' })
    }
    expect(ask({ 'x-api-key': key }, [other])).toMatchObject({ reason: 'unknown' })
    expect(ask({ 'x-api-key': key }, [])).toMatchObject({ reason: 'unknown' })
  })

  it('is not its digest: who reads the table cannot send', () => {
    expect(ask({ 'x-api-key': digest }, [KEY])).toMatchObject({ reason: 'unknown' })
  })

  it('counts from notBefore until expiresAt, and not after it was revoked', () => {
    expect(at({ notBefore: NOW, expiresAt: NOW + 1 })).toMatchObject({ ok: true })
    expect(at({ notBefore: NOW + 1 })).toMatchObject({ reason: 'not yet valid' })
    expect(at({ expiresAt: NOW })).toMatchObject({ reason: 'expired' })
    expect(at({ revokedAt: NOW - 1 })).toMatchObject({ reason: 'revoked' })
  })

  it('is taken from the header the source names, and then from no other but bearer', () => {
    const settings = { header: 'X-Acme-Token' }
    expect(ask({ 'x-acme-token': key }, [KEY], settings)).toMatchObject({ ok: true })
    expect(ask({ authorization: `Bearer ${key}` }, [KEY], settings)).toMatchObject({ ok: true })
    const missing = ask({ 'x-api-key': key }, [KEY], settings)
    expect(missing).toMatchObject({ reason: 'missing' })
    if (!missing.ok) expect(toAuthRefusal(missing).message).toContain('X-Acme-Token')
  })

  it('is taken from the query only where the source allows it', () => {
    const url = `/webhooks/acme?a=1&key=${key}`
    expect(ask({}, [KEY], { url })).toMatchObject({ reason: 'missing' })
    expect(ask({}, [KEY], { url, query: 'key' })).toMatchObject({ ok: true, keyId: 7 })
    expect(ask({ 'x-api-key': 'wrong' }, [KEY], { url, query: 'key' })).toMatchObject({ reason: 'unknown' })
    expect(ask({}, [KEY], { url: '/webhooks/acme?key=', query: 'key' })).toMatchObject({ missing: true })
  })

  it('is compared as a whole', () => {
    expect(isSameDigest('ab', 'ab')).toBe(true)
    expect(isSameDigest('ab', 'ac')).toBe(false)
    expect(isSameDigest('ab', 'abc')).toBe(false)
  })
})
