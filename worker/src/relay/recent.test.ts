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
  ...(units === undefined ? {} : { units })
})

test('what was kept is told once', () => {
  const recent = createRecent()
  recent.keep([change('a'), change('b', { price: { old: 1 } })])
  expect(recent.take(change('b'))).toBe('{"price":{"old":1}}')
  expect(recent.take(change('b'))).toBeUndefined()
  expect(recent.take(change('a'))).toBe('{"price":{"new":1}}')
})

test.each([{ vendorId: 2 }, { revision: 2 }, { stamp: '2' }, { externalId: 'b' }])(
  'another change is another: %o',
  (other) => {
    const recent = createRecent()
    recent.keep([change('a')])
    expect(recent.take({ ...change('a'), ...other })).toBeUndefined()
  }
)

test('the oldest goes when there is no room, and all at once when somebody else publishes', () => {
  const recent = createRecent({ maxLength: 2 * JSON.stringify(change('a').units).length })
  recent.keep([change('a'), change('b')])
  recent.keep([change('b'), change('c')])
  expect(['a', 'b', 'c'].map((id) => recent.take(change(id)) !== undefined)).toEqual([false, true, true])
  recent.keep([change('d')])
  recent.forget()
  expect(recent.take(change('d'))).toBeUndefined()
})

test('nothing stays for ever that nobody asks for', async () => {
  const recent = createRecent({ maxAgeMs: 5 })
  recent.keep([change('a')])
  await new Promise((resolve) => setTimeout(resolve, 10))
  recent.keep([change('b')])
  expect(recent.take(change('a'))).toBeUndefined()
  expect(recent.take(change('b'))).toBeDefined()
})
