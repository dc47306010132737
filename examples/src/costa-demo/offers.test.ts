import { expect, test } from 'vitest'
import { toKyero } from './kyero.ts'
import { createDemoOffers } from './offers.ts'

test('the demo offers are the same every time, and a longer list only adds to a shorter one', () => {
  expect(createDemoOffers(300).slice(0, 40)).toEqual(createDemoOffers(40))
})

test('every demo offer has what a portal needs', () => {
  for (const offer of createDemoOffers(300)) {
    expect(offer.price, offer.id).toBeGreaterThan(100)
    expect(offer.images.length, offer.id).toBeGreaterThan(0)
    expect(offer.built + offer.plot, offer.id).toBeGreaterThan(20)
  }
})

test('the feed escapes what XML reserves', () => {
  const feed = [...toKyero(createDemoOffers(50))].join('')
  expect(feed).toContain('&amp;source=feed')
  expect(feed.replaceAll(/&(amp|lt|gt);/g, '')).not.toContain('&')
  expect(feed.match(/<property>/g)).toHaveLength(50)
})
