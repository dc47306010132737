import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Db } from '@sluice/prisma/client'
import { resolveLocations } from '@sluice/prisma/tables/locations'
import type { NewOfferChange } from '@sluice/prisma/tables/offer-changes'
import { recordHash, type Envelope } from '@sluice/shared/envelope'
import { createApplier } from '../worker/src/apply.ts'
import { createDatabase, type TestDatabase } from './support/database.ts'
import { aSource, aVendor } from './support/store.ts'
import { flat } from './support/workshop.ts'

let database: TestDatabase
let source: { id: number; slug: string; vendorId: number; vendorSlug: string; timeZone: string }
beforeAll(async () => {
  database = await createDatabase()
  const { sql } = database.db
  const vendor = await aVendor(sql, 'costa')
  const { id } = await aSource(sql, { slug: 'crm', vendorId: vendor.id, kind: 'webhook', format: 'sluice' })
  source = { id, slug: 'crm', vendorId: vendor.id, vendorSlug: 'costa', timeZone: 'UTC' }
})
afterAll(() => database.drop())

const IDS = ['a', 'b', 'c', 'd']
let received = 1_790_000_000_000_000

/** Each offer at a price of its own, newer than all before it. */
const deliveries = (): Envelope[] =>
  IDS.map((externalId, ordinal) => {
    received += 1_000
    const body = Buffer.from(JSON.stringify(flat(externalId, received % 1_000_000_007)))
    return {
      messageId: `${received}.0`,
      type: 'record',
      vendor: 'costa',
      source: 'crm',
      format: 'sluice',
      formatVersion: 1,
      lane: 'webhook',
      externalId,
      factAt: received,
      factAtFrom: 'receipt',
      receivedAt: received,
      ordinal,
      recordHash: recordHash(body),
      sourceRevision: 1,
      attempt: 0,
      body
    }
  })

/** An applier, the changes it told of, and how many transactions it began; `broken` ones fail at their end. */
const observed = (isBroken = false) => {
  const { db } = database
  const told: NewOfferChange[] = []
  const toldAsJson: unknown[] = []
  let begun = 0
  const transaction: Db['direct']['transaction'] = (work) => {
    begun += 1
    return db.direct.transaction(async (tx) => {
      const result = await work(tx)
      if (isBroken) throw new Error('it ends here')
      return result
    })
  }
  const applier = createApplier({
    db: { ...db, direct: { ...db.direct, transaction } },
    sources: {
      find: async () => new Map([['crm', source]]),
      watch: async () => undefined,
      stop: () => undefined
    },
    locations: {
      resolve: (places) => resolveLocations(db.sql, places),
      forget: async () => undefined
    },
    onChanges: (changes, toJson) => {
      told.push(...changes)
      toldAsJson.push(...changes.map(({ units }) => JSON.parse(toJson(units ?? {}).toString())))
    }
  })
  return { applier, told, toldAsJson, begun: () => begun }
}

test('only what is committed is told, as it is stored, whoever lost a race on the way', async () => {
  const [one, another] = [observed(), observed()]
  const ROUNDS = 25
  for (let round = 0; round < ROUNDS; round++) {
    await Promise.all([one.applier.apply(deliveries()), another.applier.apply(deliveries())])
  }
  expect(one.begun() + another.begun()).toBeGreaterThan(2 * ROUNDS) // races were lost

  const rows = await database.db.sql.$queryRaw<
    Pick<NewOfferChange, 'externalId' | 'revision' | 'stamp' | 'units'>[]
  >`
    SELECT external_id AS "externalId", revision, stamp, units FROM offer_history ORDER BY external_id, revision`
  const told = [...one.told, ...another.told]
    .map(({ externalId, revision, stamp, units }) => ({ externalId, revision, stamp, units }))
    .toSorted((a, b) => a.externalId.localeCompare(b.externalId) || a.revision - b.revision)
  expect(told).toEqual(rows)
  for (const { told, toldAsJson } of [one, another])
    expect(toldAsJson).toEqual(told.map(({ units }) => units))
})

test('what is rolled back is told to nobody', async () => {
  const { applier, told, begun } = observed(true)
  const results = await applier.apply(deliveries())
  expect(results.every((result) => 'error' in result)).toBe(true)
  expect(begun()).toBeGreaterThan(0)
  expect(told).toEqual([])
})
