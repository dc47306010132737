import { expect, test } from 'vitest'
import type { OfferPlan } from './plan.ts'
import { textsOf } from './texts.ts'

const content = { transaction: 'sale', features: ['a'], 'text.bg': { title: '„Дом“ \u2028' } } as const
const told = Object.fromEntries(Object.entries(content).map(([unit, value]) => [unit, { new: value }]))
const planOf = (isToldByOffer: boolean): OfferPlan =>
  ({ isToldByOffer, next: { content }, changes: [{ units: told }] }) as object as OfferPlan

test.each([true, false])('says what JSON.stringify says; told by the offer: %s', (isToldByOffer) => {
  const toText = textsOf([planOf(isToldByOffer)])
  for (const document of [content, told, { other: 1 }]) {
    expect(toText(document)).toBe(JSON.stringify(document))
  }
})
