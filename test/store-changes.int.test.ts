import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Sql } from '@sluice/prisma/client'
import {
  appendChanges,
  listChanges,
  readChanges,
  readPlacedChanges,
  readUnitTexts,
  type NewOfferChange
} from '@sluice/prisma/tables/offer-changes'
import { numberChanges } from '@sluice/prisma/tables/offer-stream'
import { writeOffers, type StoredOffer } from '@sluice/prisma/tables/offers'
import { createDatabase, type TestDatabase } from './support/database.ts'
import { anOffer, aVendor, stampAt } from './support/store.ts'

let database: TestDatabase
let sql: Sql
let vendorId: number
let vendorSlug: string
let vendors = 0

beforeAll(async () => {
  database = await createDatabase()
  sql = database.db.sql
})
afterAll(() => database.drop())
beforeEach(async () => {
  vendors += 1
  vendorSlug = `vendor-${vendors}`
  vendorId = (await aVendor(sql, vendorSlug)).id
})

const offer = (externalId: string, more: Partial<StoredOffer> = {}): StoredOffer =>
  anOffer({ vendorId, externalId, ...more })

const change = (revision: number, more: Partial<NewOfferChange> = {}): NewOfferChange => ({
  vendorId,
  externalId: 'changed',
  revision,
  kind: 'updated',
  units: {
    listPrice: { old: { onRequest: true }, new: { amount: '1', currency: 'EUR', period: 'total' } }
  },
  stamp: stampAt(revision),
  source: 'push',
  messageId: `m.${revision}`,
  ...more
})

describe('changes', () => {
  it('are read newest first', async () => {
    await appendChanges(sql, [
      change(2),
      change(1, { kind: 'created', units: { transaction: { new: 'sale' } } })
    ])
    await appendChanges(sql, [change(3)])
    const rows = await listChanges(sql, vendorSlug, 'changed', { limit: 2 })
    expect(rows).toMatchObject([change(3), change(2)])
  })

  it('without units of their own say all that the stored offer says, as new', async () => {
    const { units: _, ...whole } = change(1, { externalId: 'whole', kind: 'created' })
    await writeOffers(sql, [offer('whole', { content: { transaction: 'sale', features: ['a'] } })])
    await appendChanges(sql, [whole, change(1, { externalId: 'told' })])
    expect(await listChanges(sql, vendorSlug, 'whole')).toMatchObject([
      { units: { transaction: { new: 'sale' }, features: { new: ['a'] } } }
    ])
    expect(await listChanges(sql, vendorSlug, 'told')).toMatchObject([change(1, { externalId: 'told' })])
  })

  it('later than the first cannot do without', async () => {
    const { units: _, ...whole } = change(2, { externalId: 'second' })
    await expect(appendChanges(sql, [whole])).rejects.toMatchObject({ code: 'DB_DATA' })
  })

  describe('without units of their own still say it', () => {
    const units = { transaction: { new: 'sale' }, features: { new: ['a', 'ä"\\'] } }
    const content = { transaction: 'sale', features: ['a', 'ä"\\'] } as const

    const createdAs = async (externalId: string): Promise<StoredOffer> => {
      const { units: _, ...whole } = change(1, { externalId, kind: 'created' })
      const created = offer(externalId, { content: { ...content, features: [...content.features] } })
      await writeOffers(sql, [created])
      await appendChanges(sql, [whole])
      return { ...created, rowVersion: 1 }
    }
    const toldOf = async (externalId: string) =>
      (await listChanges(sql, vendorSlug, externalId)).find(({ revision }) => revision === 1)?.units

    it.each<[string, Partial<StoredOffer>]>([
      ['has changed', { content: { transaction: 'rent' }, revision: 2 }],
      ['is incomplete again, which is no change to anybody', { state: 'incomplete', content: {} }],
      ['has only new stamps', { baseStamp: stampAt(9) }],
      ['was changed and changed back in one batch', { revision: 3 }]
    ])('when the offer %s', async (what, next) => {
      const created = await createdAs(what)
      const written = await writeOffers(sql, [{ ...created, ...next }])
      expect(written).toHaveLength(1)
      expect(await toldOf(what)).toEqual(units)
      await writeOffers(sql, [{ ...created, content: { transaction: 'lease' }, revision: 4, rowVersion: 2 }])
      expect(await toldOf(what)).toEqual(units)
    })

    it('when the offer was changed by somebody else, or is gone', async () => {
      await createdAs('by hand')
      await sql.$executeRaw`UPDATE offers SET content = '{}', revision = 7 WHERE external_id = 'by hand'`
      expect(await toldOf('by hand')).toEqual(units)
      await createdAs('gone')
      await sql.$executeRaw`DELETE FROM offers WHERE external_id = 'gone'`
      expect(await toldOf('gone')).toEqual(units)
    })

    it('to readers of the stream, value by value and as text, and the next change says its own', async () => {
      const created = await createdAs('streamed')
      await createdAs('streamed as it is')
      await writeOffers(sql, [{ ...created, content: { transaction: 'rent' }, revision: 2 }])
      await appendChanges(sql, [change(2, { externalId: 'streamed' })])
      await database.db.transaction((tx) => numberChanges(tx, 10_000))
      const ofOurs = <T extends { externalId: string }>(rows: readonly T[]): T[] =>
        rows.filter(({ externalId }) => externalId.startsWith('streamed'))
      const rows = ofOurs(await readChanges(sql, { after: 0, limit: 10_000 }))
      const told = change(2, { externalId: 'streamed' }).units
      expect(rows.map((row) => row.units)).toEqual([units, units, told])
      const placed = ofOurs(await readPlacedChanges(sql, { after: 0, limit: 10_000 }))
      expect(placed.map(({ vendorId: ours, ...change }) => ours === vendorId && change)).toEqual(
        rows.map(({ units: _units, ...change }) => change)
      )
      const texts = await readUnitTexts(
        sql,
        placed.map(({ seq }) => seq)
      )
      expect(texts.map((text) => text.seq)).toEqual(placed.map(({ seq }) => seq))
      expect(texts.map((text) => JSON.parse(text.units) as unknown)).toEqual([units, units, told])
      const history = await sql.$queryRaw<{ units: unknown }[]>`
        SELECT units FROM offer_history WHERE external_id LIKE 'streamed%' ORDER BY seq`
      expect(history.map((row) => row.units)).toEqual([units, units, told])
    })

    it('and what an offer of the release before has told is kept once', async () => {
      await writeOffers(sql, [offer('older', { content: { transaction: 'sale' } })])
      await appendChanges(sql, [change(1, { externalId: 'older' })])
      await sql.$executeRaw`UPDATE offers SET content = '{}' WHERE external_id = 'older'`
      expect(await toldOf('older')).toEqual(change(1, { externalId: 'older' }).units)
      expect(await sql.$queryRaw`SELECT 1 FROM first_contents WHERE external_id = 'older'`).toEqual([])
    })
  })

  it('of one revision are written once', async () => {
    await appendChanges(sql, [change(1)])
    await expect(appendChanges(sql, [change(1)])).rejects.toMatchObject({ code: 'DB_DATA' })
  })
})
