import { expect, test } from 'vitest'
import { backoffMs } from './backoff.ts'

const shortest = (): number => 0
const longest = (): number => 1

test('after an outage the wait is anywhere between 0.1 s and a ceiling that doubles up to 15 s', () => {
  expect([0, 1, 2, 3, 6, 7, 50].map((attempt) => backoffMs(attempt, 0, longest))).toEqual([
    200, 400, 800, 1_600, 12_800, 15_000, 15_000
  ])
  expect([0, 3, 50].map((attempt) => backoffMs(attempt, 0, shortest))).toEqual([100, 100, 100])
})

test('after a refusal the wait is never short, so that a topology has time to be applied', () => {
  expect([1, 2, 3, 4].map((refusals) => backoffMs(0, refusals, shortest))).toEqual([500, 1_000, 2_000, 4_000])
  expect([1, 2, 3, 4].map((refusals) => backoffMs(0, refusals, longest))).toEqual([
    1_000, 2_000, 4_000, 8_000
  ])
})
