import { expect, it } from 'vitest'
import { createBreaker } from './breaker.ts'

it('refuses after silence, lets one through a second, and closes at the first answer', () => {
  let now = 0
  const breaker = createBreaker({ probeEveryMs: 1_000, now: () => now })
  expect(breaker.admit()).toBe(true)

  breaker.silent()
  expect(breaker.isOpen).toBe(true)
  expect(breaker.admit()).toBe(false)

  now = 1_000
  expect([breaker.admit(), breaker.admit()]).toEqual([true, false])

  now = 2_000
  expect([breaker.admit(), breaker.admit()]).toEqual([true, false])

  breaker.answered()
  expect([breaker.isOpen, breaker.admit(), breaker.admit()]).toEqual([false, true, true])
})
