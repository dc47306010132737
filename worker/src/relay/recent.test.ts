import { expect, test } from 'vitest'
import type { NewOfferChange } from '@sluice/prisma/tables/offer-changes'
import { createRecent } from './recent.ts'

const change = (externalId: string, units: NewOfferChange['units'] = { price: { new: 1 } }) => ({
  vendorId: 1,
  externalId,
  revision: 1,
  kind: 'created' as const,
  stamp: '1',
  source: 'crm',
  messageId: externalId,
  units
})

const toJson = (document: object): Buffer => Buffer.from(JSON.stringify(document))

test('what was kept is found until it is dropped', () => {
  const recent = createRecent()
  recent.keep([change('a'), change('b', { price: { old: 1 } })], toJson)
  expect(recent.find(change('b'))?.toString()).toBe('{"price":{"old":1}}')
  recent.drop([change('b'), change('c')])
  expect(recent.find(change('b'))).toBeUndefined()
  expect(recent.find(change('a'))?.toString()).toBe('{"price":{"new":1}}')
})

test.each([{ vendorId: 2 }, { revision: 2 }, { stamp: '2' }, { externalId: 'b' }])(
  'another change is another: %o',
  (other) => {
    const recent = createRecent()
    recent.keep([change('a')], toJson)
    expect(recent.find({ ...change('a'), ...other })).toBeUndefined()
  }
)

test('without room what came first stays, for it is published first', () => {
  const recent = createRecent({ maxBytes: 600 })
  const found = (...ids: readonly string[]) => ids.filter((id) => recent.find(change(id)) !== undefined)
  recent.keep([change('a'), change('b')], toJson)
  recent.keep([change('c'), change('d')], toJson)
  expect(found('a', 'b', 'c', 'd')).toEqual(['a', 'b'])
  recent.drop([change('a')])
  recent.keep([change('e'), change('f')], toJson)
  expect(found('a', 'b', 'c', 'd', 'e', 'f')).toEqual(['b', 'e'])
  recent.forget()
  recent.keep([change('g')], toJson)
  expect(found('b', 'e', 'g')).toEqual(['g'])
})

test('what nobody drops goes when newer ones come', () => {
  let now = 0
  const recent = createRecent({ maxAgeMs: 10, now: () => now })
  recent.keep([change('a')], toJson)
  now = 10
  recent.keep([change('b')], toJson)
  expect(recent.find(change('a'))).toBeDefined()
  now = 11
  recent.keep([change('c')], toJson)
  expect(['a', 'b', 'c'].map((id) => recent.find(change(id)) !== undefined)).toEqual([false, true, true])
})

test('what is kept keeps nothing else in memory', () => {
  const recent = createRecent()
  recent.keep([change('a'), change('b', { price: { old: 1 } })], toJson)
  const [a, b] = [recent.find(change('a')), recent.find(change('b'))]
  expect(a?.buffer.byteLength).toBe((a?.length ?? 0) + (b?.length ?? 0))
  expect(b?.buffer).toBe(a?.buffer)
})
