import { expect, it } from 'vitest'
import { createSampler } from './sampler.ts'

it('lets one line a key through in its time, and tells the next how many it swallowed', () => {
  let now = 0
  const sample = createSampler({ everyMs: 1_000, now: () => now })
  expect([sample('a'), sample('a'), sample('a'), sample('b')]).toEqual([0, undefined, undefined, 0])
  now = 1_000
  expect([sample('a'), sample('a')]).toEqual([2, undefined])
})

it('lets a few through at once, as many again after a while without any', () => {
  let now = 0
  const sample = createSampler({ everyMs: 1_000, burst: 3, now: () => now })
  const ask = (times: number) => Array.from({ length: times }, () => sample('a'))
  expect(ask(5)).toEqual([0, 0, 0, undefined, undefined])
  now = 1_500
  expect(ask(2)).toEqual([2, undefined])
  now = 60_000
  expect(ask(4)).toEqual([1, 0, 0, undefined])
})
