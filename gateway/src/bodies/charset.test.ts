import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { markedCharset, toUtf8 } from './charset.ts'

const text = (bytes: number[] | Buffer, charset?: string): string =>
  toUtf8(Buffer.from(bytes), charset).toString()

describe('charsets', () => {
  it.each([
    ['windows-1251', [0xcf, 0xf0, 0xe8, 0xe2, 0xe5, 0xf2], 'Привет'],
    ['windows-1252', [0x80, 0x92], '€’'],
    ['iso-8859-1', [0xe9], 'é'],
    ['koi8-r', [0xf0], 'П'],
    ['shift_jis', [0x82, 0xa0], 'あ'],
    ['gb18030', [0xd6, 0xd0], '中'],
    ['utf-16le', [0x16, 0x04], 'Ж'],
    ['utf-8', [0xef, 0xbb, 0xbf, 0x41], 'A'],
    ['us-ascii', [0x41], 'A'],
    [undefined, [0x41], 'A']
  ])('%s', (charset, bytes, expected) => expect(text(bytes, charset)).toBe(expected))

  it.each(['utf-7', 'utf-32', 'nonsense', '', '__proto__', 'iso-2022-kr'])('%s is none', (charset) => {
    expect(() => text([0x41], charset)).toThrow(expect.objectContaining({ code: 'CONTENT_TYPE_UNSUPPORTED' }))
  })

  it.each([
    ['utf-8', [0xcf, 0xf0]],
    ['us-ascii', [0xff]],
    ['shift_jis', [0x82]],
    ['utf-16le', [0x00, 0xd8]],
    ['gb18030', [0xff]]
  ])('bytes that are not %s are refused, not replaced', (charset, bytes) => {
    expect(() => text(bytes, charset)).toThrow(expect.objectContaining({ code: 'BODY_MALFORMED' }))
  })

  it('a byte order mark names its charset', () => {
    expect(markedCharset(Buffer.from([0xff, 0xfe, 0x41, 0]))).toBe('utf-16le')
    expect(markedCharset(Buffer.from([0xfe, 0xff, 0, 0x41]))).toBe('utf-16be')
    expect(markedCharset(Buffer.from('{}'))).toBeUndefined()
  })

  it('UTF-8 stays the same bytes, uncopied', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'grapheme' }).filter((value) => value.isWellFormed()),
        (value) => {
          const bytes = Buffer.from(`{${value}`)
          expect(toUtf8(bytes).buffer).toBe(bytes.buffer)
          expect(toUtf8(bytes).equals(bytes)).toBe(true)
        }
      )
    )
  })
})
