import { expect, test } from 'vitest'
import { documentsOf } from './documents.ts'
import type { OfferPlan } from './plan.ts'

/** A value that counts how often it is written. */
const counted = (value: unknown) => {
  let written = 0
  return { toJSON: () => ((written += 1), value), times: () => written }
}

const planOf = (isToldByOffer: boolean, more: object = {}) => {
  const features = counted(['a', '„Дом“ \u2028 🏠 \ud83c'])
  const said = { transaction: 'sale', features, 'text.bg': { title: '"' }, ...more }
  const told = Object.fromEntries(Object.entries(said).map(([unit, value]) => [unit, { new: value }]))
  const content = { nothing: undefined, ...said }
  const plan = { isToldByOffer, next: { content }, changes: [{ units: told }] } as object as OfferPlan
  return { plan, content, told, times: features.times }
}

test.each([true, false])('says what JSON.stringify says; the change is told by the offer: %s', (isTold) => {
  const { plan, content, told, times } = planOf(isTold)
  const toJson = documentsOf([plan])
  const [offer, change] = [toJson(content), toJson(told)]
  expect(times()).toBe(isTold ? 1 : 2)
  expect(offer.toString()).toBe(JSON.stringify(content))
  expect(change.toString()).toBe(JSON.stringify(told))
  expect(toJson({ other: 1 }).toString()).toBe('{"other":1}')
})

test.each([
  ['a long text', { 'text.ru': 'Дом у моря '.repeat(1_000) }],
  ['a long text of few letters', { 'text.es': 'jardín '.repeat(1_000), garage: 'no' }],
  ['more than a page', { 'text.ru': 'Дом'.repeat(200_000) }],
  ['a page in letters of two bytes, and more in its own', { 'text.es': '€'.repeat(400_000) }]
])('whatever its size: %s', (_, more) => {
  const plans = [planOf(true, more), planOf(true)]
  const toJson = documentsOf(plans.map(({ plan }) => plan))
  for (const { content, told } of plans) {
    expect(toJson(content).toString()).toBe(JSON.stringify(content))
    expect(toJson(told).toString()).toBe(JSON.stringify(told))
  }
})

test('an offer without units is an empty document', () => {
  const [content, told] = [{}, {}]
  const plan = { isToldByOffer: true, next: { content }, changes: [{ units: told }] } as object as OfferPlan
  expect(documentsOf([plan])(content).toString()).toBe('{}')
})
