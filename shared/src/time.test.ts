import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { RecordError } from './errors.ts'
import { fromDate, fromIso, isTimeZone, nowMicros, toDate, toIso, toMicros } from './time.ts'

const SOFIA = 'Europe/Sofia'
const micros = fc.integer({ min: 0, max: 4_102_444_800 * 1e6 }) // until 2100

describe('instants', () => {
  test('toIso and fromIso are inverse to the microsecond', () => {
    fc.assert(
      fc.property(micros, (value) => {
        expect(fromIso(toIso(value))).toBe(value)
      })
    )
  })

  test.each(['2026-02-28', '2024-02-29', '2026-12-31', '1969-12-31', '0001-01-01'])(
    'the same is meant with six digits of a second and with three, on %s',
    (day) => {
      expect(fromIso(`${day}T23:59:59.123000Z`)).toBe(fromIso(`${day}T23:59:59.123Z`))
      expect(fromIso(`${day}T23:59:59.123456Z`)).toBe((fromIso(`${day}T23:59:59.123Z`) ?? 0) + 456)
    }
  )

  test('dates keep their milliseconds', () => {
    fc.assert(
      fc.property(micros, (value) => {
        expect(fromDate(toDate(value))).toBe(value - (value % 1000))
      })
    )
  })

  test('now is now', () => {
    expect(Math.abs(nowMicros() - Date.now() * 1000)).toBeLessThan(1e6)
  })

  test.each([
    '',
    'yesterday',
    '2026-02-30T10:00:00Z',
    '2026-11-23T25:00:00Z',
    '2026-02-30T10:00:00.000000Z',
    '2026-11-23T24:00:00.000000Z',
    '2026-11-23T10:60:00.000000Z',
    '2026-00-10T10:00:00.000000Z',
    '2026-11-23',
    '2026-11-23T10:00:00'
  ])('%j is no instant', (text) => expect(fromIso(text)).toBeUndefined())
})

describe('what a vendor sends', () => {
  test.each([
    ['2026-11-23T10:15:00Z', '2026-11-23T10:15:00.000000Z'],
    ['2026-11-23T10:15:00.123456Z', '2026-11-23T10:15:00.123456Z'],
    ['2026-11-23T10:15:00,5+0200', '2026-11-23T08:15:00.500000Z'],
    ['2026-11-23 10:15:00', '2026-11-23T08:15:00.000000Z'],
    ['2026-07-23T10:15', '2026-07-23T07:15:00.000000Z'],
    [' 2026-11-23 ', '2026-11-22T22:00:00.000000Z'],
    ['1795428900', '2026-11-23T10:15:00.000000Z'],
    [1795428900, '2026-11-23T10:15:00.000000Z'],
    ['1795428900123', '2026-11-23T10:15:00.123000Z'],
    ['1795428900123456', '2026-11-23T10:15:00.123456Z']
  ])('%j, in Sofia where it has no zone, is %s', (value, expected) => {
    expect(toIso(toMicros(value, SOFIA))).toBe(expected)
  })

  test.each([
    ['0001-01-01T00:00:00', '1970-01-01T00:00:00.000000Z'],
    ['0000-01-01 00:00:00', '1970-01-01T00:00:00.000000Z'],
    ['9999-12-31T23:59:59.9999999Z', '2200-01-01T00:00:00.000000Z'],
    ['9999-12-31T23:59:59-12:00', '2200-01-01T00:00:00.000000Z']
  ])('%j is an empty date, and %s is one an envelope can carry', (value, expected) => {
    const micros = toMicros(value, SOFIA)
    expect(toIso(micros)).toBe(expected)
    expect(fromIso(toIso(micros))).toBe(micros)
  })

  test.each([
    '',
    'soon',
    '23.11.2026',
    '2026-13-01',
    '12345',
    '2026-11-23T10:15:00+25:00',
    '0000-00-00 00:00:00',
    '20261123',
    '202611231015',
    '20261123101500',
    '99999999999'
  ])('%j is refused at its path', (value) => {
    expect(() => toMicros(value, SOFIA, '/date')).toThrow(
      expect.objectContaining({ code: 'FACT_AT_INVALID', path: '/date' }) as RecordError
    )
  })

  test('any text is a time or a RecordError', () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.string(), fc.integer().map(String), fc.date({ noInvalidDate: true }).map(String)),
        (text) => {
          try {
            expect(Number.isFinite(toMicros(text, SOFIA))).toBe(true)
          } catch (error) {
            expect(error).toBeInstanceOf(RecordError)
          }
        }
      )
    )
  })
})

/** Noon of a day counted from 2020-01-01, as a vendor writes it. */
const noon = (day: number): string =>
  new Date(Date.UTC(2020, 0, 1 + day, 12)).toISOString().slice(0, 19).replace('T', ' ')

describe('clock changes in Sofia', () => {
  // 2026: 29 March 03:00 → 04:00 (01:00 UTC), 25 October 04:00 → 03:00 (01:00 UTC).
  test.each([
    ['2026-03-29 02:59:59', '2026-03-29T00:59:59.000000Z'],
    ['2026-03-29 04:00:00', '2026-03-29T01:00:00.000000Z'],
    ['2026-10-25 02:59:59', '2026-10-24T23:59:59.000000Z'],
    ['2026-10-25 04:00:00', '2026-10-25T02:00:00.000000Z']
  ])('%s beside the change is %s', (wall, expected) => expect(toIso(toMicros(wall, SOFIA))).toBe(expected))

  test('in the hour that repeats, the earlier reading is meant', () => {
    expect(toIso(toMicros('2026-10-25 03:30:00', SOFIA))).toBe('2026-10-25T00:30:00.000000Z')
  })

  test('a time in the hour that does not exist is still a time, and after the hour before it', () => {
    const gap = toMicros('2026-03-29 03:30:00', SOFIA)
    expect(toIso(gap)).toBe('2026-03-29T00:30:00.000000Z')
  })

  test('outside the changes, a later wall clock is a later instant', () => {
    const day = fc.integer({ min: 0, max: 3650 })
    fc.assert(
      fc.property(day, day, (a, b) => {
        fc.pre(a !== b)
        expect(toMicros(noon(a), SOFIA) < toMicros(noon(b), SOFIA)).toBe(a < b)
      })
    )
  })
})

test('time zones are IANA names', () => {
  expect([SOFIA, 'UTC', 'Atlantic/Canary'].every(isTimeZone)).toBe(true)
  expect(['', 'Sofia', 'GMT+25', 'Europe/Nowhere'].some(isTimeZone)).toBe(false)
})
