import { expect, test } from 'vitest'
import type { OfferChangeRow } from '@sluice/prisma/tables/offer-changes'
import type { OfferRow } from '@sluice/prisma/tables/offers'
import { toStamp } from '@sluice/shared/stamp'
import { explain } from './explain.ts'

const stampAt = (iso: string): string => {
  const micros = Date.parse(iso) * 1000
  return toStamp({ factAt: micros, receivedAt: micros, ordinal: 0, formatVersion: 1, recordHash: 'ab' })
}

const MONDAY = '2026-11-16T10:00:00Z'
const TUESDAY = '2026-11-17T10:00:00Z'
const WEDNESDAY = '2026-11-18T10:00:00Z'
const price = (amount: string) => ({ amount, currency: 'EUR', period: 'total' as const })

const offer: OfferRow = {
  vendorId: 1,
  vendorSlug: 'acme',
  externalId: '4711',
  state: 'active',
  content: { presence: { state: 'active' }, transaction: 'sale', listPrice: price('240000') },
  baseStamp: stampAt(WEDNESDAY),
  unitStamps: { listPrice: stampAt(TUESDAY) },
  sourceStamps: {},
  rowVersion: 3,
  revision: 2,
  createdAt: new Date(MONDAY),
  updatedAt: new Date(TUESDAY)
}

const change = (
  revision: number,
  iso: string,
  source: string,
  units: OfferChangeRow['units']
): OfferChangeRow => ({
  vendorId: 1,
  externalId: '4711',
  revision,
  kind: revision === 1 ? 'created' : 'updated',
  units,
  stamp: stampAt(iso),
  source,
  messageId: `m.${revision}`,
  createdAt: new Date(iso)
})

const changes = [
  change(2, TUESDAY, 'acme-crm', {
    listPrice: { old: price('250000'), new: price('240000') },
    'text.en': { old: { title: 'A house' } }
  }),
  change(1, MONDAY, 'acme-kyero', {
    presence: { new: { state: 'active' } },
    transaction: { new: 'sale' },
    listPrice: { new: price('250000') },
    'text.en': { new: { title: 'A house' } }
  })
]

test('each unit is traced to the change that set what stands there now', () => {
  const { units } = explain(offer, changes)
  expect(units.map(({ unit, source, revision }) => [unit, source, revision])).toEqual([
    ['listPrice', 'acme-crm', 2],
    ['presence', 'acme-kyero', 1],
    ['text.en', 'acme-crm', 2],
    ['transaction', 'acme-kyero', 1]
  ])
  expect(units[0]).toMatchObject({ old: price('250000'), value: price('240000'), factAt: new Date(TUESDAY) })
})

test('a unit that was cleared is explained as well, without a value', () => {
  const cleared = explain(offer, changes).units.find(({ unit }) => unit === 'text.en')
  expect(cleared).not.toHaveProperty('value')
  expect(cleared).toHaveProperty('old', { title: 'A house' })
})

test('what the vendor said again without a change was confirmed then', () => {
  const { units } = explain(offer, changes)
  const confirmed = Object.fromEntries(
    units.map(({ unit, confirmedAt }) => [unit, confirmedAt.toISOString()])
  )
  expect(confirmed).toMatchObject({
    transaction: new Date(WEDNESDAY).toISOString(),
    listPrice: new Date(TUESDAY).toISOString()
  })
})

test('the history is told from the beginning, and can be of one unit or one family', () => {
  expect(explain(offer, changes).history.map(({ revision, unit }) => `${revision} ${unit}`)).toEqual([
    '1 listPrice',
    '1 presence',
    '1 text.en',
    '1 transaction',
    '2 listPrice',
    '2 text.en'
  ])
  expect(explain(offer, changes, 'listPrice').history).toHaveLength(2)
  expect(explain(offer, changes, 'text').units.map(({ unit }) => unit)).toEqual(['text.en'])
})

test('what was set further back than was read is named', () => {
  expect(explain(offer, changes.slice(0, 1)).unexplained).toEqual(['presence', 'transaction'])
})

test('what patches had set before the offer was complete is theirs, not that of the record that completed it', () => {
  const early: OfferRow = {
    ...offer,
    revision: 1,
    content: { ...offer.content, privateRemarks: 'ring twice', listingId: 'A-1' },
    baseStamp: stampAt(TUESDAY),
    unitStamps: {
      listPrice: stampAt(WEDNESDAY), // newer than the record
      privateRemarks: stampAt(MONDAY), // its format does not cover it
      transaction: stampAt('2026-11-19T10:00:00Z') // said again by the next file, without a change
    },
    sourceStamps: { 'acme-crm': stampAt(WEDNESDAY), 'acme-kyero': stampAt(TUESDAY) }
  }
  const shown = Object.fromEntries(
    Object.entries(early.content).map(([unit, value]) => [unit, { new: value }])
  )
  const { units } = explain(early, [change(1, TUESDAY, 'acme-kyero', shown)])
  const said = Object.fromEntries(
    units.map(({ unit, source, factAt }) => [unit, [source, factAt.toISOString()]])
  )
  expect(said).toEqual({
    listPrice: ['acme-crm', new Date(WEDNESDAY).toISOString()],
    privateRemarks: [undefined, new Date(MONDAY).toISOString()],
    transaction: ['acme-kyero', new Date(TUESDAY).toISOString()],
    presence: ['acme-kyero', new Date(TUESDAY).toISOString()],
    listingId: ['acme-kyero', new Date(TUESDAY).toISOString()]
  })
})

test('the stamp of a language is its own, else that of all texts', () => {
  const spoken = { ...offer, unitStamps: { text: stampAt(TUESDAY) } }
  const { units } = explain(spoken, changes, 'text')
  expect(units[0]?.confirmedAt).toEqual(new Date(TUESDAY))
})
