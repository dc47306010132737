import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseJson } from './json.ts'

const digits = (minLength: number, maxLength: number) =>
  fc.array(fc.integer({ min: 0, max: 9 }), { minLength, maxLength }).map((list) => list.join(''))

/** Numbers as RFC 8259 §6 allows them to be written, mostly longer than a double. */
const literal = fc
  .tuple(
    fc.constantFrom('', '-'),
    digits(1, 25).map((text) => text.replace(/^0+(?=\d)/, '')),
    fc.option(digits(1, 25), { nil: undefined }),
    fc.option(fc.tuple(fc.constantFrom('e', 'E', 'e+', 'e-'), digits(1, 4)), { nil: undefined })
  )
  .map(([sign, whole, fraction, exponent]) =>
    [sign, whole, fraction === undefined ? '' : `.${fraction}`, ...(exponent ?? [])].join('')
  )

/** The value as a fraction of two integers: exact, and another way than the one under test. */
const fractionOf = (text: string): { numerator: bigint; tens: bigint } => {
  const [mantissa = '', exponent = '0'] = text.toLowerCase().split('e')
  const [whole = '', fraction = ''] = mantissa.split('.')
  const shift = BigInt(exponent.replace('+', '')) - BigInt(fraction.length)
  return { numerator: BigInt(whole + fraction), tens: shift }
}

const isEqual = (left: string, right: string): boolean => {
  const [a, b] = [fractionOf(left), fractionOf(right)]
  const least = a.tens < b.tens ? a.tens : b.tens
  return a.numerator * 10n ** (a.tens - least) === b.numerator * 10n ** (b.tens - least)
}

describe('reading JSON', () => {
  it.each([
    ['0.1', 0.1],
    ['185000.10', 185_000.1],
    ['9007199254740992', 9_007_199_254_740_992],
    ['9007199254740993', '9007199254740993'],
    ['-12345678901234567890', '-12345678901234567890'],
    ['100000000000000000000', 1e20],
    ['1234567890123.123456', '1234567890123.123456'],
    ['1.10000000000000000000', 1.1],
    ['0.000000000000000000001', 1e-21],
    ['1e400', '1e400'],
    ['1e-400', '1e-400'],
    ['0e99999999', 0],
    ['1E+2', 100]
  ])('%s is %s', (text, value) => {
    expect(parseJson(text)).toEqual(value)
    expect(parseJson(`{"a":[${text}, {"b":${text}}]}`)).toEqual({ a: [value, { b: value }] })
  })

  it('keeps every digit of any number, wherever it stands', () => {
    fc.assert(
      fc.property(literal, (text) => {
        const [, read] = parseJson(`["${text}\\"",${text}]`) as [string, string | number]
        expect(isEqual(String(read), text)).toBe(true)
        if (typeof read === 'string') expect(read).toBe(text)
        else expect(read).toBe(Number(text))
      }),
      { numRuns: 5_000 }
    )
  })

  it('touches nothing in a string, and is JSON.parse for everything else', () => {
    const string = '{"12345678901234567890":"\\"12345678901234567890, [1e400]\\\\"}'
    expect(parseJson(string)).toEqual(JSON.parse(string))
    fc.assert(
      fc.property(fc.json(), literal, (json, text) => {
        const around = JSON.stringify({ text, json: JSON.parse(json) as unknown, [text]: json })
        expect(parseJson(around)).toEqual(JSON.parse(around))
      }),
      { numRuns: 2_000 }
    )
  })

  it('gives __proto__ as a name like any other', () => {
    const value = parseJson('{"__proto__":{"a":12345678901234567890}}') as object
    expect(Object.keys(value)).toEqual(['__proto__'])
    expect((value as { a?: unknown }).a).toBeUndefined()
  })

  it.each(['', '{', '[1,]', '01', '12345678901234567890x', 'NaN'])('refuses %s', (text) => {
    expect(() => parseJson(text)).toThrow(SyntaxError)
  })
})
