import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Sql } from '@sluice/prisma/client'
import { createApiKey, keysOfSource, listApiKeys, revokeApiKey } from '@sluice/prisma/tables/api-keys'
import { touchLastUsed } from '@sluice/prisma/tables/last-use'
import {
  createSource,
  findSource,
  findSources,
  listSources,
  pauseSource,
  resumeSource,
  setNextRunAt,
  sourcesVersion,
  updateSource
} from '@sluice/prisma/tables/sources'
import { createVendor, findVendor, listVendors } from '@sluice/prisma/tables/vendors'
import { createDatabase, type TestDatabase } from './support/database.ts'
import { aSource, aVendor, hashOf } from './support/store.ts'

let database: TestDatabase
let sql: Sql
beforeAll(async () => {
  database = await createDatabase()
  sql = database.db.sql
})
afterAll(() => database.drop())

describe('vendors', () => {
  it('have one slug each and page by it', async () => {
    for (const slug of ['b-vendor', 'a-vendor', 'c-vendor']) await aVendor(sql, slug)
    expect(await createVendor(sql, { slug: 'a-vendor', name: 'again' })).toBeUndefined()
    expect(await findVendor(sql, 'a-vendor')).toMatchObject({ name: 'a-vendor' })
    expect(await findVendor(sql, 'nobody')).toBeUndefined()
    const first = await listVendors(sql, { limit: 2 })
    expect(first.map(({ slug }) => slug)).toEqual(['a-vendor', 'b-vendor'])
    const second = await listVendors(sql, { limit: 2, after: 'b-vendor' })
    expect(second.map(({ slug }) => slug)).toEqual(['c-vendor'])
  })
})

describe('sources', () => {
  it('know their vendor; what is not set is absent', async () => {
    const { id: vendorId } = await aVendor(sql, 'agency')
    const made = await aSource(sql, { vendorId, slug: 'agency-push', kind: 'webhook', format: 'sluice' })
    expect(made).toEqual({
      id: expect.any(Number),
      slug: 'agency-push',
      kind: 'webhook',
      vendorId,
      vendorSlug: 'agency',
      format: 'sluice',
      timeZone: 'UTC',
      revision: 1,
      exportLagMs: 900_000,
      holdShare: 0.3,
      holdCount: 10,
      fullRequested: false,
      auth: { scheme: 'api-key' },
      onBrokerDown: 'outbox',
      onPaused: 'refuse'
    })
    const again = { vendorId, slug: 'agency-push', kind: 'feed', format: 'kyero', timeZone: 'UTC' } as const
    expect(await createSource(sql, again)).toBeUndefined()
    await aSource(sql, { vendorId, slug: 'agency-feed' })
    expect((await findSources(sql, ['agency-push', 'nobody', 'agency-feed'])).length).toBe(2)
    expect((await listSources(sql, { vendorSlug: 'agency' })).map(({ slug }) => slug)).toEqual([
      'agency-feed',
      'agency-push'
    ])
    expect(await findSource(sql, 'nobody')).toBeUndefined()
  })

  it('move their revision with an edit, not with a pause', async () => {
    const { id: vendorId } = await aVendor(sql, 'edited')
    await aSource(sql, { vendorId, slug: 'edited-feed', address: 'https://example.com/a.xml' })
    const edited = await updateSource(sql, 'edited-feed', { timeZone: 'Europe/Sofia', address: null })
    expect(edited).toMatchObject({ revision: 2, timeZone: 'Europe/Sofia' })
    expect(edited).not.toHaveProperty('address')
    const paused = await pauseSource(sql, 'edited-feed')
    expect(paused).toMatchObject({ revision: 2, pausedAt: expect.any(Date) })
    expect(await pauseSource(sql, 'edited-feed')).toEqual(paused)
    expect(await resumeSource(sql, 'edited-feed')).not.toHaveProperty('pausedAt')
    expect(await updateSource(sql, 'nobody', { timeZone: 'UTC' })).toBeUndefined()
  })
})

describe('the version of sources', () => {
  it('moves with every edit of a source or a key, and with nothing else', async () => {
    const { id: vendorId } = await aVendor(sql, 'versioned')
    let version = await sourcesVersion(sql)
    const moves = async (work: () => Promise<unknown>): Promise<boolean> => {
      const before = version
      await work()
      version = await sourcesVersion(sql)
      return version !== before
    }
    expect(await moves(() => aSource(sql, { vendorId, slug: 'versioned' }))).toBe(true)
    const source = await findSource(sql, 'versioned')
    const sourceId = source?.id ?? 0
    expect(await moves(() => updateSource(sql, 'versioned', { timeZone: 'UTC' }))).toBe(true)
    expect(await moves(() => pauseSource(sql, 'versioned'))).toBe(true)
    expect(await moves(() => resumeSource(sql, 'versioned'))).toBe(true)
    const key = { sourceId, prefix: 'slk_version', digest: hashOf('versioned key') }
    expect(await moves(() => createApiKey(sql, key))).toBe(true)
    const [stored] = await keysOfSource(sql, sourceId)
    expect(
      await moves(() => touchLastUsed(sql, 'api_keys', [{ id: stored?.id ?? 0, usedAt: new Date() }]))
    ).toBe(false)
    expect(await moves(() => revokeApiKey(sql, 'slk_version'))).toBe(true)
    expect(await moves(() => revokeApiKey(sql, 'slk_version'))).toBe(false)
    expect(await moves(() => setNextRunAt(sql, sourceId, new Date()))).toBe(false)
  })

  it('sees both of two edits that commit in the other order', async () => {
    const { id: vendorId } = await aVendor(sql, 'racing')
    await aSource(sql, { vendorId, slug: 'racing-1' })
    await aSource(sql, { vendorId, slug: 'racing-2' })
    let between = ''
    await database.db.transaction(async (tx) => {
      await pauseSource(tx, 'racing-1')
      await pauseSource(sql, 'racing-2') // begins later and commits first
      between = await sourcesVersion(sql)
    })
    expect(await sourcesVersion(sql)).not.toBe(between)
  })
})

describe('keys', () => {
  it('are listed, used and revoked', async () => {
    const { id: vendorId } = await aVendor(sql, 'keyed')
    const source = await aSource(sql, { vendorId, slug: 'keyed' })
    const expiresAt = new Date('2030-01-01T00:00:00Z')
    const first = await createApiKey(sql, { sourceId: source.id, prefix: 'slk_first', digest: hashOf('1') })
    const second = await createApiKey(sql, {
      sourceId: source.id,
      prefix: 'slk_second',
      digest: hashOf('2'),
      expiresAt
    })
    expect(await keysOfSource(sql, source.id)).toEqual([
      { id: second.id, digest: hashOf('2'), expiresAt },
      { id: first.id, digest: hashOf('1') }
    ])
    const usedAt = new Date('2026-11-23T12:00:00.500Z')
    const earlier = new Date('2026-11-23T11:00:00Z')
    await touchLastUsed(sql, 'api_keys', [
      { id: first.id, usedAt: earlier },
      { id: first.id, usedAt },
      { id: second.id, usedAt }
    ])
    await touchLastUsed(sql, 'api_keys', [{ id: first.id, usedAt: earlier }])
    expect(await listApiKeys(sql, { sourceSlug: 'keyed' })).toMatchObject([
      { prefix: 'slk_second', sourceSlug: 'keyed', lastUsedAt: usedAt },
      { prefix: 'slk_first', sourceSlug: 'keyed', lastUsedAt: usedAt }
    ])
    const revoked = await revokeApiKey(sql, 'slk_first')
    expect(revoked).toMatchObject({ id: first.id, revokedAt: expect.any(Date) })
    expect(await revokeApiKey(sql, String(first.id))).toEqual(revoked)
    expect(await revokeApiKey(sql, 'slk_nobody')).toBeUndefined()
    expect((await keysOfSource(sql, source.id)).map(({ revokedAt }) => revokedAt)).toEqual([
      undefined,
      revoked?.revokedAt
    ])
    await revokeApiKey(sql, 'slk_second')
    const last = await createApiKey(sql, { sourceId: source.id, prefix: 'slk_last', digest: hashOf('3') })
    await createApiKey(sql, { sourceId: source.id, prefix: 'slk_newest', digest: hashOf('4') })
    await revokeApiKey(sql, 'slk_newest')
    // However many were revoked since, the one that counts is among those a page has room for.
    expect((await keysOfSource(sql, source.id))[0]?.id).toBe(last.id)
  })
})
