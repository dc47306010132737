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

test.each([
  ['price', 5, 'an object { amount, currency, period }, or { "onRequest": true }'],
  ['property', 'apartment', 'an object { type, subType }, like { "type": "apartment" }'],
  ['location', 'Varna', 'an object { country, region, city, district, postalCode, street, detail }'],
  ['rooms', 3, 'an object { total, bedrooms, bathrooms }'],
  ['features', 'pool', 'a list of at most 500 texts'],
  ['images', 'x', 'a list of at most 500 addresses'],
  ['energy', 'A', 'an object { consumptionRating'],
  ['transaction', 'buy', 'one of sale, rent, seasonalRent, auction'],
  ['lotSize', true, 'square metres, like 85.5']
])('a %s that is %j is told what belongs there', (field, value, expected) => {
  expect(() => sluice.toChange({ id: '1', change: 'patch', [field]: value }, context)).toThrow(
    `/${field} is wrong: expected ${expected}`
  )
})

test('a name that is no language code is told what one looks like', () => {
  const record = { id: '1', change: 'patch', texts: { english: { title: 'x' } }, links: { EN: 'https://x' } }
  expect(() => sluice.toChange(record, context)).toThrow(
    '/texts/english is not a field of this format: expected an object by language code (ISO 639, lower case), ' +
      'like { "bg": { "title": …, "description": … } }; ' +
      "/links/EN is not a field of this format: expected the offer's own pages, an object by language code"
  )
})

test('every field says what belongs there', () => {
  for (const [field, schema] of Object.entries(SluiceRecordSchema.properties)) {
    expect(schema, field).toHaveProperty('description', expect.stringMatching(/./))
  }
})

test('of a whole offer all that is missing is named', () => {
  expect(() => sluice.toChange({ id: '1', rooms: { total: 3 } }, context)).toThrow(
    '/transaction is missing: an offer cannot be without it (missing as well: /property, /price, /location); ' +
      'for a few fields only send "change": "patch"'
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
