import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Check } from 'typebox/schema'
import { expect, test } from 'vitest'
import { FIELD_OF, sluice } from './format.ts'
import { SluiceRecordSchema } from './record.ts'

const context = { timeZone: 'Europe/Sofia' }

test('the README explains every field', () => {
  const readme = readFileSync(join(import.meta.dirname, 'README.md'), 'utf8')
  const table = readme.slice(readme.indexOf('## Fields'))
  for (const field of Object.keys(SluiceRecordSchema.properties)) expect(table).toContain(`\`${field}\``)
})

test('the example of the README is accepted as it stands', () => {
  const readme = readFileSync(join(import.meta.dirname, 'README.md'), 'utf8')
  const [, curl = ''] = /-d '(\{[^']*\})'/.exec(readme) ?? []
  expect(sluice.toChange(JSON.parse(curl), context).kind).toBe('upsert')
  const patches = [...readme.matchAll(/```json\n([^`]*)```/g)].map(
    ([, text = '']) => JSON.parse(text) as unknown
  )
  expect(patches.map((patch) => sluice.toChange(patch, context).kind)).toEqual(['patch', 'withdraw'])
})

test('what the published schema allows is what is read: a decimal as a number or as text', () => {
  const schema = JSON.parse(readFileSync(join(import.meta.dirname, 'schema.json'), 'utf8')) as object
  const isAllowed = [185000.5, '185000.50', true, '1,5'].map((amount) =>
    Check(schema, { id: '1', change: 'patch', price: { amount, currency: 'EUR' } })
  )
  expect(isAllowed).toEqual([true, true, false, false])
})

test('every unit but presence and the texts has its field', () => {
  expect(Object.keys(FIELD_OF).toSorted()).toEqual(
    sluice.covers.filter((family) => family !== 'text').toSorted()
  )
})

test('fields of their own are bounded, and the vendor is told by how many', () => {
  const extras = (count: number): object => ({
    id: '1',
    change: 'patch',
    extras: Object.fromEntries(Array.from({ length: count }, (_, index) => [`field ${index}`, index]))
  })
  expect(sluice.toChange(extras(1_000), context)).toMatchObject({ kind: 'patch' })
  expect(() => sluice.toChange(extras(1_001), context)).toThrow(
    expect.objectContaining({
      code: 'RECORD_INVALID',
      path: '/extras',
      message: '/extras is wrong: at most 1000 fields'
    })
  )
})

test('all problems of a record are told at once, without its values', () => {
  const record = { id: '1', price: { amount: 'secret' }, images: ['secret'], pirce: 'secret' }
  expect(() => sluice.toChange(record, context)).toThrow(
    '/price/amount is wrong: expected a number like 185000 or "185000.50", at most six decimals; ' +
      '/images/0 is wrong: expected an absolute address, or { url, caption, category }; ' +
      '/pirce is not a field of this format'
  )
})

test('what is sound beside a problem is not blamed', () => {
  const extras = { any: { thing: [1, 'x', null, { a: [] }] } }
  const record = { id: '1', extras, features: ['x'], coordinates: null, images: ['http://x/1', { url: 'x' }] }
  expect(() => sluice.toChange(record, context)).toThrow(
    /^\/images\/1\/url is wrong: expected an absolute address[^;]*$/
  )
})

test.each(['', ' ', null, undefined])('a withdrawal whose reason is %j has none', (reason) => {
  expect(sluice.toChange({ id: '1', change: 'withdraw', reason }, context)).toEqual({ kind: 'withdraw' })
})

test('a withdrawal is applied however broken the content beside it is', () => {
  const record = { id: '1', change: 'withdraw', reason: 'sold', price: 'broken', pirce: '\u0000' }
  expect(sluice.toChange(record, context)).toEqual({ kind: 'withdraw', reason: 'sold' })
})
