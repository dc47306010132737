import { expect, test } from 'vitest'
import { DependencyError } from '@sluice/shared/errors'
import { createLogger } from '@sluice/shared/log'
import { startUpkeep } from './upkeep.ts'

const log = createLogger({ service: 'test', level: 'silent' })

test('chores are done again and again; one that fails keeps no other from being done', async () => {
  const reported: unknown[] = []
  const counts = { away: 0, broken: 0, well: 0 }
  const often = Promise.withResolvers<void>()
  const upkeep = startUpkeep({
    firstMs: 0,
    everyMs: 1,
    log,
    reporter: { captureError: (thrown) => void reported.push(thrown) },
    chores: {
      away: () => {
        counts.away += 1
        return Promise.reject(new DependencyError('postgres', 'DB_UNAVAILABLE', 'away'))
      },
      broken: () => {
        counts.broken += 1
        return Promise.reject(new TypeError('a bug'))
      },
      well: async () => {
        counts.well += 1
        if (counts.well === 3) often.resolve()
      }
    }
  })
  await often.promise
  await upkeep.stop()
  expect(counts).toEqual({ away: 3, broken: 3, well: 3 })
  // An outage is nobody's bug.
  expect(reported).toEqual([expect.any(TypeError), expect.any(TypeError), expect.any(TypeError)])
})

test('a stop ends the wait, and what is under way hears of it', async () => {
  let heard: AbortSignal | undefined
  const begun = Promise.withResolvers<void>()
  const ended = Promise.withResolvers<void>()
  const upkeep = startUpkeep({
    firstMs: 0,
    log,
    reporter: { captureError: () => undefined },
    chores: {
      long: async (signal) => {
        heard = signal
        begun.resolve()
        await ended.promise
      },
      next: () => Promise.reject(new Error('it was stopped'))
    }
  })
  await begun.promise
  const stopped = upkeep.stop()
  expect(heard?.aborted).toBe(true)
  ended.resolve()
  await stopped
  await startUpkeep({ log, reporter: { captureError: () => undefined }, chores: {} }).stop()
})
