import { expect, test } from 'vitest'
import { startTicker } from './ticker.ts'

test('what a tick throws is an error in the log, and the next tick comes', async () => {
  const told: unknown[] = []
  const log = { debug: () => undefined, error: (...said: unknown[]) => void told.push(said) }
  const bug = new TypeError('a bug')
  const again = Promise.withResolvers<void>()
  let ticks = 0
  const tick = (): Promise<void> => {
    ticks += 1
    if (ticks === 2) again.resolve()
    return Promise.reject(bug)
  }
  const ticker = startTicker(1, tick, log)
  await again.promise
  await ticker.stop()
  expect(told[0]).toEqual([{ err: bug }, 'tick failed'])
})
