import { expect, test } from 'vitest'
import { encodeUtf8 } from './encode-utf8.ts'

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
