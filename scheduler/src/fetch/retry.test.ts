import { describe, expect, test } from 'vitest'
import { CutShortError, RunError, TransientError } from '../errors.ts'
import { toRetryAfterMs } from './retry-after.ts'
import { retryDelayMs, withRetries } from './retry.ts'

const patience = { attempts: 4, baseMs: 1_000 }
const busy = (retryAfterMs?: number): TransientError =>
  new TransientError('FETCH_STATUS', '503', retryAfterMs === undefined ? {} : { retryAfterMs })

describe('the wait before another attempt', () => {
  test('doubles, and half of it is chance', () => {
    expect([1, 2, 3].map((attempt) => retryDelayMs(busy(), attempt, patience, 0))).toEqual([
      500, 1_000, 2_000
    ])
    expect([1, 2, 3].map((attempt) => retryDelayMs(busy(), attempt, patience, 1))).toEqual([
      1_000, 2_000, 4_000
    ])
  })
  test('is bounded', () => {
    expect(retryDelayMs(busy(), 30, { attempts: 99, baseMs: 1_000 }, 1)).toBe(60_000)
  })
  test('is at least what the server asks for, and none at all when it asks for too much', () => {
    expect(retryDelayMs(busy(90_000), 1, patience, 0)).toBe(90_000)
    expect(retryDelayMs(busy(100), 1, patience, 0)).toBe(500)
    expect(retryDelayMs(busy(3_600_000), 1, patience, 0)).toBeUndefined()
  })
  test('is none after the last attempt, nor for what will not pass', () => {
    expect(retryDelayMs(busy(), 4, patience, 0)).toBeUndefined()
    expect(retryDelayMs(new RunError('FETCH_NOT_FOUND', '404'), 1, patience, 0)).toBeUndefined()
    expect(retryDelayMs(new CutShortError('FETCH_CUT_SHORT', 'cut'), 1, patience, 0)).toBe(500)
  })
})

test('what succeeds at the last attempt succeeds, and is told that it was the last', async () => {
  const told: boolean[] = []
  const delays: number[] = []
  const work = (isLast: boolean): Promise<string> => {
    told.push(isLast)
    return told.length < 3 ? Promise.reject(busy()) : Promise.resolve('done')
  }
  const done = await withRetries(
    work,
    { attempts: 3, baseMs: 2 },
    { signal: new AbortController().signal, onRetry: (_error, delayMs) => delays.push(delayMs) }
  )
  expect(done).toBe('done')
  expect(told).toEqual([false, false, true])
  expect(delays).toHaveLength(2)
})

test('time that is over during a wait leaves the trouble that was waited for', async () => {
  const trouble = busy()
  const working = withRetries(
    () => Promise.reject(trouble),
    { attempts: 2, baseMs: 60_000 },
    { signal: AbortSignal.timeout(5), onRetry: () => undefined }
  )
  await expect(working).rejects.toBe(trouble)
})

test.each<[string | undefined, number | undefined]>([
  [undefined, undefined],
  ['120', 120_000],
  [' 0 ', 0],
  ['Wed, 25 Nov 2026 10:00:30 GMT', 30_000],
  ['Wed, 25 Nov 2026 09:00:00 GMT', 0],
  ['-5', undefined],
  ['soon', undefined],
  ['99999999999999', undefined]
])('Retry-After: %s', (header, ms) => {
  expect(toRetryAfterMs(header, new Date('2026-11-25T10:00:00Z'))).toBe(ms)
})
