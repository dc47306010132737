import fc from 'fast-check'
import { expect, test } from 'vitest'
import { encodeUtf8, writeUtf8 } from './encode-utf8.ts'

const long = (text: string): string => text.repeat(Math.ceil(2_000 / text.length))

test.each([
  ['nothing', ''],
  ['a short text', 'Дом'],
  ['ASCII', long('apartamento ')],
  ['Latin-1', long('jardín ')],
  ['letters beyond Latin-1', long('дом ')],
  ['one such letter at the end', `${long('jardín ')}Ж`],
  ['beyond the first plane', long('🏠 у моря ')],
  ['half of a pair', `${long('дом ')}\ud83c`],
  ['the first letter of all', long('\0дом ')]
])('%s becomes what Node makes of it', (_, text) => {
  expect(encodeUtf8(text).equals(Buffer.from(text))).toBe(true)
})

test('so does any text, also on a page', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.nat(1_500), (text, times) => {
      const whole = text.repeat(Math.ceil(times / Math.max(1, text.length)))
      const page = Buffer.alloc(whole.length * 3 + 2)
      const bytes = writeUtf8(whole, page, 1)
      expect(page.subarray(1, 1 + bytes).equals(Buffer.from(whole))).toBe(true)
      expect(encodeUtf8(whole).equals(Buffer.from(whole))).toBe(true)
      expect([page[0], page[1 + bytes]]).toEqual([0, 0])
    }),
    { numRuns: 50 }
  )
})
