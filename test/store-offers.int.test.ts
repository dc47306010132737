import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Db, Sql } from '@sluice/prisma/client'
import { resolveLocations, type Place } from '@sluice/prisma/tables/locations'
import {
  countOffers,
  findOffer,
  listOffers,
  readOffers,
  writeOffers,
  type StoredOffer
} from '@sluice/prisma/tables/offers'
import { ConflictError } from '@sluice/shared/errors'
import { createDatabase, type TestDatabase } from './support/database.ts'
import { anOffer, aVendor, shuffled, stampAt } from './support/store.ts'

let database: TestDatabase
let db: Db
let sql: Sql
let vendorId: number
let vendorSlug: string
let vendors = 0

beforeAll(async () => {
  database = await createDatabase({ poolSize: 8 })
  db = database.db
  sql = db.sql
  // Deadlocks are found after this long: the tests wait for none they do not cause.
  await sql.$executeRawUnsafe(`ALTER DATABASE ${database.name} SET deadlock_timeout TO '20ms'`)
})
afterAll(() => database.drop())
beforeEach(async () => {
  vendors += 1
  vendorSlug = `vendor-${vendors}`
  vendorId = (await aVendor(sql, vendorSlug)).id
})

const offer = (externalId: string, more: Partial<StoredOffer> = {}): StoredOffer =>
  anOffer({ vendorId, externalId, ...more })

const read = async (externalId: string): Promise<StoredOffer | undefined> =>
  (await readOffers(sql, [{ vendorId, externalId }]))[0]

const idsOf = (rows: readonly { externalId: string }[]): string[] => rows.map(({ externalId }) => externalId)

/** A batch as the worker writes it. */
const rewrite = async (tx: Sql, ids: string[], writer: number): Promise<void> => {
  const current = await readOffers(
    tx,
    ids.map((externalId) => ({ vendorId, externalId }))
  )
  const rows = new Map(current.map((row) => [row.externalId, row]))
  await writeOffers(
    tx,
    ids.map((id) => ({ ...(rows.get(id) ?? offer(id)), baseStamp: stampAt(writer) }))
  )
}

/** The same without the one thing that keeps concurrent batches from deadlocking. */
const rewriteUnsorted = (tx: Sql, ids: string[]): Promise<number> =>
  tx.$executeRaw`
    INSERT INTO offers (vendor_id, external_id, state, content, base_stamp, unit_stamps, source_stamps,
                        row_version, revision)
    SELECT ${vendorId}, id, 'active', '{}', '', '{}', '{}', 1, 1
    FROM jsonb_array_elements_text(${JSON.stringify(ids)}::jsonb) AS r(id)
    ON CONFLICT (vendor_id, external_id) DO UPDATE SET row_version = offers.row_version + 1`

describe('an offer', () => {
  it('comes back as it was written, one version on', async () => {
    const [locationId] = (
      await resolveLocations(sql, [{ key: 'es|murcia', country: 'es', city: 'Murcia' }])
    ).values()
    const written = offer('Ö "1"\\', {
      content: { presence: { state: 'active' }, 'text.bg': { title: 'Къща 🏠 с "изглед"\n' } },
      unitStamps: { listPrice: stampAt(7) },
      sourceStamps: { push: stampAt(8) },
      locationId: locationId ?? 0
    })
    expect(await writeOffers(sql, [written])).toEqual([{ vendorId, externalId: written.externalId }])
    expect(await read(written.externalId)).toEqual({ ...written, rowVersion: 1 })
    expect(await read('another')).toBeUndefined()
  })

  it('is written only over the version that was read', async () => {
    await writeOffers(sql, [offer('a'), offer('b')])
    await writeOffers(sql, [offer('a', { rowVersion: 1, revision: 2 })])
    const late = [
      offer('a', { rowVersion: 1, revision: 9 }),
      offer('b', { rowVersion: 1, revision: 2 }),
      offer('c')
    ]
    const keys = await writeOffers(sql, late)
    expect(keys.map(({ externalId }) => externalId).toSorted()).toEqual(['b', 'c'])
    expect(await read('a')).toMatchObject({ rowVersion: 2, revision: 2 })
    expect(await writeOffers(sql, [offer('a')])).toEqual([])
  })

  it('written by many at once goes to exactly one a version', async () => {
    const writers = Array.from({ length: 8 }, (_, writer) => writer)
    for (const rowVersion of [0, 1, 2]) {
      const wins = await Promise.all(
        writers.map((writer) => writeOffers(sql, [offer('raced', { rowVersion, revision: writer + 1 })]))
      )
      expect(wins.flat()).toHaveLength(1)
    }
    expect(await read('raced')).toMatchObject({ rowVersion: 3 })
  })

  it('keeps the time of its last change when only stamps move', async () => {
    await writeOffers(sql, [offer('quiet')])
    const before = await findOffer(sql, vendorSlug, 'quiet')
    await writeOffers(sql, [offer('quiet', { rowVersion: 1, baseStamp: stampAt(5) })])
    const same = await findOffer(sql, vendorSlug, 'quiet')
    expect(same).toEqual({ ...before, rowVersion: 2, baseStamp: stampAt(5) })
    await writeOffers(sql, [offer('quiet', { rowVersion: 2, revision: 2 })])
    const changed = await findOffer(sql, vendorSlug, 'quiet')
    expect(changed?.updatedAt.getTime()).toBeGreaterThan(before?.updatedAt.getTime() ?? Infinity)
    expect(changed?.createdAt).toEqual(before?.createdAt)
  })
})

it('stays where it is when it changes: no index is written', async () => {
  await writeOffers(sql, [offer('p-1')])
  const stored = (await read('p-1')) as StoredOffer
  const content = { ...stored.content, rooms: { bedroomsTotal: 9 } }
  const updates = await db.transaction(async (tx) => {
    const count = async () =>
      (
        await tx.$queryRaw<{ all: number; inPlace: number }[]>`
          SELECT pg_stat_get_xact_tuples_updated('offers'::regclass)::int AS all,
                 pg_stat_get_xact_tuples_hot_updated('offers'::regclass)::int AS "inPlace"`
      )[0] ?? { all: 0, inPlace: 0 }
    const before = await count()
    await writeOffers(tx, [{ ...stored, content, revision: 2 }])
    const after = await count()
    return { all: after.all - before.all, inPlace: after.inPlace - before.inPlace }
  })
  expect(updates).toEqual({ all: 1, inPlace: 1 })
})

describe('concurrent batches', () => {
  const ROUNDS = 5
  const keys = Array.from({ length: 200 }, (_, index) => `k${index}`)

  /** Every writer changes all rows, each in an order of its own; returns how many were told of a conflict. */
  const conflicts = async (
    write: (tx: Sql, ids: string[], writer: number) => Promise<unknown>
  ): Promise<number> => {
    const writers = [1, 2, 3, 4].map(async (writer) => {
      let count = 0
      for (let round = 0; round < ROUNDS; round += 1) {
        try {
          await db.transaction((tx) => write(tx, shuffled(keys, writer * 100 + round), writer))
        } catch (thrown) {
          if (!(thrown instanceof ConflictError)) throw thrown
          count += 1
        }
      }
      return count
    })
    return (await Promise.all(writers)).reduce((sum, count) => sum + count, 0)
  }

  it('do not deadlock, in whatever order they come', async () => {
    await writeOffers(
      sql,
      keys.map((key) => offer(key))
    )
    expect(await conflicts(rewrite)).toBe(0)
  })

  it('would without the order of their keys', async () => {
    await writeOffers(
      sql,
      keys.map((key) => offer(key))
    )
    // They may be served one after another, and often enough one is in the other's way.
    let told = 0
    for (let attempt = 0; told === 0 && attempt < 20; attempt++) told = await conflicts(rewriteUnsorted)
    expect(told).toBeGreaterThan(0)
  })
})

describe('readers', () => {
  beforeEach(async () => {
    await writeOffers(sql, [
      offer('1'),
      offer('2', { state: 'withdrawn' }),
      offer('3', { state: 'incomplete', content: {} }),
      offer('4')
    ])
  })
  it('do not see incomplete offers unless they ask', async () => {
    expect(idsOf(await listOffers(sql, { vendorSlug }))).toEqual(['1', '2', '4'])
    expect(idsOf(await listOffers(sql, { vendorSlug, state: 'incomplete' }))).toEqual(['3'])
    expect(await countOffers(sql, { vendorSlug })).toBe(3)
    expect(await countOffers(sql, { vendorSlug, state: 'active' })).toBe(2)
    expect(
      await sql.$queryRaw`SELECT external_id FROM listings WHERE vendor = ${vendorSlug} AND state = 'incomplete'`
    ).toEqual([])
  })

  it('page by key, across vendors', async () => {
    const other = await aVendor(sql, `${vendorSlug}-later`)
    await writeOffers(sql, [anOffer({ vendorId: other.id, externalId: '0' })])
    const seen: string[] = []
    let after: { vendorId: number; externalId: string } = { vendorId, externalId: '' }
    for (;;) {
      const page = await listOffers(sql, { limit: 2, after })
      const last = page.at(-1)
      if (last === undefined) break
      seen.push(...idsOf(page))
      after = last
    }
    expect(seen).toEqual(['1', '2', '4', '0'])
  })

  it('find a complete offer as typed columns', async () => {
    await writeOffers(sql, [
      offer('listed', {
        content: {
          presence: { state: 'active' },
          transaction: 'rent',
          propertyType: { type: 'house', subType: 'Villa' },
          listPrice: { amount: '1250.50', currency: 'EUR', period: 'month' },
          livingArea: { value: '1000', unit: 'ft2' },
          lotSize: { value: '1.5', unit: 'dka' },
          rooms: { bedroomsTotal: 3, bathroomsTotal: 2 },
          location: { country: 'Spain', city: 'Murcia' },
          coordinates: { latitude: 37.9922, longitude: -1.1307 },
          media: [{ url: 'https://example.com/1.jpg' }]
        }
      }),
      offer('bare', { content: { presence: { state: 'active' }, listPrice: { onRequest: true } } })
    ])
    const rows = await sql.$queryRaw<object[]>`
      SELECT external_id, transaction, property_type, property_sub_type, price_amount::text, price_currency,
             price_period, living_area_m2::text, lot_size_m2::text, bedrooms, bathrooms, country, city, latitude,
             longitude, images, revision
      FROM listings WHERE vendor = ${vendorSlug} AND external_id IN ('listed', 'bare') ORDER BY external_id DESC`
    expect(rows[0]).toEqual({
      external_id: 'listed',
      transaction: 'rent',
      property_type: 'house',
      property_sub_type: 'Villa',
      price_amount: '1250.50',
      price_currency: 'EUR',
      price_period: 'month',
      living_area_m2: '92.90',
      lot_size_m2: '1500.00',
      bedrooms: 3,
      bathrooms: 2,
      country: 'Spain',
      city: 'Murcia',
      latitude: 37.9922,
      longitude: -1.1307,
      images: 1,
      revision: 1
    })
    expect(rows[1]).toMatchObject({
      external_id: 'bare',
      price_amount: null,
      living_area_m2: null,
      images: 0
    })
  })
})

describe('locations', () => {
  it('are one row each, however many ask at once', async () => {
    const places = Array.from({ length: 50 }, (_, index) => ({
      key: `bg|sofia|${vendorSlug}|${index}`,
      country: 'bg',
      city: 'Sofia',
      district: `${index}`
    }))
    const before = await sql.location.count()
    const answers = await Promise.all(
      [1, 2, 3, 4, 5, 6, 7, 8].map((seed) => resolveLocations(sql, shuffled(places, seed)))
    )
    for (const ids of answers) {
      expect(ids.size).toBe(50)
      expect(Object.fromEntries(ids)).toEqual(Object.fromEntries(answers[0] ?? []))
    }
    expect(await sql.location.count()).toBe(before + 50)
  })

  it('asked for again use up no numbers', async () => {
    const a: Place = { key: `${vendorSlug}|a`, country: 'bg' }
    const b: Place = { key: `${vendorSlug}|b`, country: 'bg' }
    const first = await resolveLocations(sql, [a])
    await resolveLocations(sql, [a, a])
    const second = await resolveLocations(sql, [a, b])
    expect(second.get(a.key)).toBe(first.get(a.key))
    expect(second.get(b.key)).toBe((first.get(a.key) ?? NaN) + 1)
  })
})
