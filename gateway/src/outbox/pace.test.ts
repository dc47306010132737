import { expect, test } from 'vitest'
import { MAX_ROWS, nextPace } from './pace.ts'

/** The sizes of batches given to a broker that confirms so many rows in time. */
const batches = (inTime: number, count: number, from = MAX_ROWS): number[] => {
  const sizes = [from]
  while (sizes.length < count) {
    const sent = sizes.at(-1) ?? 1
    const confirmed = Math.min(sent, inTime)
    sizes.push(nextPace(sent, { confirmed, silent: sent - confirmed }))
  }
  return sizes
}

test('a broker that confirms everything gets the most, after a few batches', () => {
  expect(batches(1_000, 10, 1)).toEqual([1, 2, 4, 8, 16, 32, 64, 128, 200, 200])
})

test('a slow one gets what it confirms in time, give or take one doubling, from the second batch on', () => {
  for (const inTime of [2, 7, 20, 90]) {
    for (const size of batches(inTime, 50).slice(1)) {
      expect(size).toBeGreaterThanOrEqual(Math.floor(inTime / 2))
      expect(size).toBeLessThanOrEqual(2 * inTime)
    }
  }
})

test('one that is silent is asked with one row', () => {
  expect(batches(0, 4)).toEqual([200, 1, 1, 1])
})

test('a refusal says nothing about the pace', () => {
  expect(nextPace(50, { confirmed: 0, silent: 0 })).toBe(50)
})
