import { describe, expect, test } from 'vitest'
import { nextRunAfter, runsBetween, scheduleProblem } from './schedule.ts'

const SOFIA = 'Europe/Sofia'

const runs = (expression: string, timeZone: string, from: string, to: string): string[] => {
  const found: string[] = []
  let at: Date | undefined = new Date(from)
  while ((at = nextRunAfter(expression, timeZone, at)) !== undefined && at < new Date(to)) {
    found.push(at.toISOString().replace(':00.000Z', 'Z'))
  }
  return found
}

const localDay = new Intl.DateTimeFormat('sv', { timeZone: SOFIA, dateStyle: 'short' })

describe('nextRunAfter', () => {
  test('reads the expression on the clock of the time zone', () => {
    expect(nextRunAfter('0 3 * * *', SOFIA, new Date('2026-11-23T10:00:00Z'))).toEqual(
      new Date('2026-11-24T01:00:00Z')
    )
    expect(nextRunAfter('0 3 * * *', 'UTC', new Date('2026-11-23T10:00:00Z'))).toEqual(
      new Date('2026-11-24T03:00:00Z')
    )
  })

  test('is strictly after the instant given', () => {
    expect(nextRunAfter('0 3 * * *', 'UTC', new Date('2026-11-23T03:00:00Z'))).toEqual(
      new Date('2026-11-24T03:00:00Z')
    )
  })

  test('a time the clock skips runs at the first instant after the gap', () => {
    // 2026-03-29: 03:00 → 04:00 in Sofia, at 01:00Z
    expect(runs('30 3 * * *', SOFIA, '2026-03-28T12:00:00Z', '2026-03-30T12:00:00Z')).toEqual([
      '2026-03-29T01:00Z',
      '2026-03-30T00:30Z'
    ])
  })

  test('a time the clock repeats runs once', () => {
    // 2026-10-25: 04:00 → 03:00 in Sofia, at 01:00Z
    expect(runs('30 3 * * *', SOFIA, '2026-10-24T12:00:00Z', '2026-10-26T12:00:00Z')).toEqual([
      '2026-10-25T00:30Z',
      '2026-10-26T01:30Z'
    ])
  })

  test('a schedule for every hour goes on evenly through both changes', () => {
    expect(runs('*/15 * * * *', SOFIA, '2026-10-24T23:59:00Z', '2026-10-25T03:00:00Z')).toHaveLength(12)
    expect(runs('*/15 * * * *', SOFIA, '2026-03-28T23:59:00Z', '2026-03-29T03:00:00Z')).toHaveLength(12)
  })

  test.each(['0 3 * * *', '30 3 * * *', '59 3 * * *', '0 4 * * *', '0 0 * * *'])(
    '%s runs exactly once on every local day of 2026 and 2027',
    (expression) => {
      const days = runs(expression, SOFIA, '2025-12-31T22:00:00Z', '2027-12-31T22:00:00Z').map((run) =>
        localDay.format(new Date(run))
      )
      // The first instant counts as `after`; midnight itself is only found from the second day on.
      expect(new Set(days).size).toBe(days.length)
      expect(days.length).toBe(expression === '0 0 * * *' ? 729 : 730)
    }
  )

  test('counts the times between two instants, and gives up counting at some point', () => {
    const count = (from: string, to: string): number =>
      runsBetween('0 * * * *', 'UTC', new Date(from), new Date(to))
    expect(count('2026-11-23T03:00:00Z', '2026-11-23T03:59:59Z')).toBe(0)
    expect(count('2026-11-23T03:30:00Z', '2026-11-23T06:00:00Z')).toBe(3)
    expect(count('2026-01-01T00:00:00Z', '2036-01-01T00:00:00Z')).toBe(10_000)
  })

  test('knows last days, weekdays and leap days', () => {
    const from = new Date('2026-11-23T10:00:00Z')
    expect(nextRunAfter('0 0 L * *', 'UTC', from)).toEqual(new Date('2026-11-30T00:00:00Z'))
    expect(nextRunAfter('0 0 * * 1#2', 'UTC', from)).toEqual(new Date('2026-12-14T00:00:00Z'))
    expect(nextRunAfter('0 0 29 2 *', 'UTC', from)).toEqual(new Date('2028-02-29T00:00:00Z'))
  })

  test('refuses what is no schedule', () => {
    expect(() => nextRunAfter('61 * * * *', 'UTC', new Date())).toThrow(RangeError)
    expect(() => nextRunAfter('* * * * *', 'Europe/Nowhere', new Date())).toThrow(RangeError)
    expect(scheduleProblem('61 * * * *')).toContain('minute')
    expect(scheduleProblem('0 3 * *')).toBe('has fewer than five fields')
    expect(scheduleProblem('0 3 * * *')).toBeUndefined()
    expect(scheduleProblem('@daily')).toBeUndefined()
  })

  test.each(['* * * * * *', '1-99999999 * * * *', `${'0,'.repeat(1_000)}0 * * * *`])(
    'refuses %.20s',
    (expression) => {
      expect(scheduleProblem(expression)).toBeDefined()
      expect(() => nextRunAfter(expression, SOFIA, new Date())).toThrow(RangeError)
    }
  )
})
