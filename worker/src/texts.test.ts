import { expect, test } from 'vitest'
import type { OfferPlan } from './plan.ts'
import { textsOf } from './texts.ts'

/** A value that counts how often it is written. */
const counted = (value: unknown) => {
  let written = 0
  return { toJSON: () => ((written += 1), value), times: () => written }
}

const planOf = (isToldByOffer: boolean) => {
  const features = counted(['a', '„Дом“ \u2028'])
  const content = { transaction: 'sale', features, 'text.bg': { title: '"' } }
  const told = Object.fromEntries(Object.entries(content).map(([unit, value]) => [unit, { new: value }]))
  const plan = { isToldByOffer, next: { content }, changes: [{ units: told }] } as object as OfferPlan
  return { plan, content, told, times: features.times }
}

test.each([true, false])('says what JSON.stringify says; the change is told by the offer: %s', (isTold) => {
  const { plan, content, told, times } = planOf(isTold)
  const toText = textsOf([plan])
  const [offer, change] = [toText(content), toText(told)]
  expect(times()).toBe(isTold ? 1 : 2)
  expect(offer).toBe(JSON.stringify(content))
  expect(change).toBe(JSON.stringify(told))
  expect(toText({ other: 1 })).toBe('{"other":1}')
})
