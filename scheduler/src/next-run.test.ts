import { describe, expect, test } from 'vitest'
import { createLogger } from '@sluice/shared/log'
import { nextRunOf } from './next-run.ts'

const log = createLogger({ service: 'test', level: 'silent' })
const daily = { schedule: '0 3 * * *', timeZone: 'UTC' }
const at = (time: string): Date => new Date(`2026-11-25T${time}Z`)

describe('the next run of a feed', () => {
  test('is the next time of its schedule, behind the run that ends', () => {
    expect(nextRunOf(daily, at('03:00:00.100'), at('03:20:00'), log)).toEqual(
      new Date('2026-11-26T03:00:00Z')
    )
  })
  test('is not the time it ran for, though our clock is behind that of the database', () => {
    expect(nextRunOf(daily, at('03:00:00.100'), at('02:59:55.400'), log)).toEqual(
      new Date('2026-11-26T03:00:00Z')
    )
  })
  test('is none without a schedule, or with one that cannot be read', () => {
    expect(nextRunOf({ timeZone: 'UTC' }, at('03:00:00'), at('03:00:01'), log)).toBeUndefined()
    const broken = { schedule: 'often', timeZone: 'UTC' }
    expect(nextRunOf(broken, at('03:00:00'), at('03:00:01'), log)).toBeUndefined()
  })
})
