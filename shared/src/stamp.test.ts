import fc from 'fast-check'
import { expect, test } from 'vitest'
import { factAtOf, isNewer, NEVER, newest, stampParts, toStamp, type StampParts } from './stamp.ts'

const micros = fc.oneof(fc.integer({ min: 0, max: 5 }), fc.integer({ min: 0, max: 9e15 }))
const parts: fc.Arbitrary<StampParts> = fc
  .record({
    factAt: micros,
    receivedAt: micros,
    ordinal: fc.oneof(fc.nat(3), fc.nat(4_294_967_295)),
    formatVersion: fc.oneof(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 99_999 })),
    recordHash: fc.stringMatching(/^[0-9a-f]{64}$/)
  })
  .filter((one) => one.factAt <= one.receivedAt) // later ones are clamped, below

/** The order the plan asks for, spelt out. */
const compare = (a: StampParts, b: StampParts): number =>
  a.factAt - b.factAt ||
  a.receivedAt - b.receivedAt ||
  a.ordinal - b.ordinal ||
  a.formatVersion - b.formatVersion ||
  a.recordHash.slice(0, 16).localeCompare(b.recordHash.slice(0, 16), 'en')

test('byte order of stamps is the order of their parts', () => {
  fc.assert(
    fc.property(parts, parts, (a, b) => {
      expect(Math.sign(Buffer.compare(Buffer.from(toStamp(a)), Buffer.from(toStamp(b))))).toBe(
        Math.sign(compare(a, b))
      )
      expect(isNewer(toStamp(a), toStamp(b))).toBe(compare(a, b) > 0)
    }),
    { numRuns: 2000 }
  )
})

test('all stamps are equally long, so no prefix decides', () => {
  fc.assert(
    fc.property(parts, (one) => {
      expect(toStamp(one)).toHaveLength(17 + 17 + 10 + 5 + 16 + 4)
    })
  )
})

test('a stamp gives its factAt back', () => {
  fc.assert(
    fc.property(parts, (one) => {
      expect(factAtOf(toStamp(one))).toBe(one.factAt)
    })
  )
})

test('nobody reports the future: factAt is clamped to receipt', () => {
  const stamp = toStamp({ factAt: 2_000, receivedAt: 1_000, ordinal: 0, formatVersion: 1, recordHash: '' })
  expect(factAtOf(stamp)).toBe(1_000)
})

test('a time before 1970 loses to every other', () => {
  const one = { receivedAt: 10, ordinal: 0, formatVersion: 1, recordHash: '' }
  expect(isNewer(toStamp({ ...one, factAt: 1 }), toStamp({ ...one, factAt: -5 }))).toBe(true)
})

test('every fact is newer than never, and newest picks the newer', () => {
  fc.assert(
    fc.property(parts, parts, (a, b) => {
      expect(isNewer(toStamp(a), NEVER)).toBe(true)
      expect(newest(toStamp(a), toStamp(b))).toBe(newest(toStamp(b), toStamp(a)))
      expect(isNewer(toStamp(b), newest(toStamp(a), toStamp(b)))).toBe(false)
    })
  )
})

test('a stamp made of the parts of another is that other', () => {
  fc.assert(
    fc.property(parts, (one) => {
      const stamp = toStamp(one)
      expect(toStamp(stampParts(stamp))).toBe(stamp)
      expect(stampParts(stamp)).toMatchObject({ factAt: one.factAt, formatVersion: one.formatVersion })
    })
  )
})
