import { expect, test } from 'vitest'
import { chunkSize, createPace } from './pace.ts'

const never = new AbortController().signal
const clock = () => {
  let now = 0
  const waits: number[] = []
  return {
    waits,
    pass: (ms: number) => void (now += ms),
    deps: {
      now: () => now,
      pause: async (ms: number) => {
        waits.push(ms)
        now += ms
      }
    }
  }
}

test('the first go at once, each after it when its share of the second has passed', async () => {
  const { deps, waits } = clock()
  const pace = createPace(100, deps)
  await pace(10, never)
  await pace(10, never)
  await pace(5, never)
  await pace(10, never)
  expect(waits).toEqual([100, 100, 50])
})

test('a stall is not made up for', async () => {
  const { deps, waits, pass } = clock()
  const pace = createPace(100, deps)
  await pace(10, never)
  pass(5_000)
  await pace(10, never)
  await pace(10, never)
  expect(waits).toEqual([100])
})

test('a signal ends the wait', async () => {
  const stopping = new AbortController()
  const pace = createPace(0.001)
  await pace(1, stopping.signal)
  const waiting = pace(1, stopping.signal)
  stopping.abort()
  await expect(waiting).resolves.toBeUndefined()
})

test('a chunk is a tenth of a second, at least one and at most a hundred', () => {
  expect([1, 10, 100, 5_000].map(chunkSize)).toEqual([1, 1, 10, 100])
})
