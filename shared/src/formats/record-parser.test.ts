import fc from 'fast-check'
import { Type } from 'typebox'
import { describe, expect, test } from 'vitest'
import { RecordError } from '../errors.ts'
import { decimal, isZero, toDecimal } from './decimal.ts'
import { leftoversOf } from './leftovers.ts'
import { assertSound, createRecordParser } from './record-parser.ts'

const Schema = Type.Object(
  {
    id: Type.String({ minLength: 1, description: 'an id' }),
    beds: Type.Optional(Type.Integer({ minimum: 0, description: 'a whole number' })),
    lat: Type.Optional(Type.Number()),
    pool: Type.Optional(Type.Boolean()),
    price: Type.Optional(decimal('a price')),
    list: Type.Optional(Type.Array(Type.Object({ url: Type.String() }), { maxItems: 2 })),
    area: Type.Optional(
      Type.Union([decimal('square metres'), Type.Object({ value: decimal('a number') }), Type.Null()])
    )
  },
  { additionalProperties: false }
)
const parseJson = createRecordParser(Schema)
const parseXml = createRecordParser(Schema, { xml: true })

const rejectionOf = (act: () => unknown): { code: string; path: string | undefined; message: string } => {
  try {
    act()
  } catch (error) {
    if (error instanceof RecordError) return { code: error.code, path: error.path, message: error.message }
    throw error
  }
  throw new Error('nothing was rejected')
}

describe('conversion', () => {
  test('text from XML and values from JSON meet one schema', () => {
    const expected = { id: '7', beds: 0, lat: -3.5, pool: false, price: '1.5' }
    expect(parseXml({ id: '7', beds: '0', lat: '-3.5', pool: '0', price: '1.5' })).toEqual(expected)
    expect(parseJson({ id: 7, beds: 0, lat: -3.5, pool: false, price: 1.5 })).toEqual(expected)
  })

  test('a place with all the digits its program printed is a place', () => {
    expect(parseXml({ id: '1', lat: '-0.48123400000000004' }).lat).toBeCloseTo(-0.481234, 12)
  })

  test('leading zeros of an id survive', () => {
    expect(parseXml({ id: '00123' }).id).toBe('00123')
  })

  test.each([
    ['null is not "null"', { id: null }, '/id'],
    ['true is not "true"', { id: true }, '/id'],
    ['an id beyond 2^53 was rounded before we saw it', { id: 2 ** 53 }, '/id'],
    ['1e21 is no id', { id: 1e21 }, '/id'],
    [
      'more digits than a double holds were rounded',
      { id: '1', price: Number('123456789012.123456') },
      '/price'
    ],
    ['2.5 is no count', { id: '1', beds: '2.5' }, '/beds'],
    ['empty text is not 0', { id: '1', beds: '' }, '/beds'],
    ['hexadecimal is no number', { id: '1', beds: '0x10' }, '/beds'],
    ['yes is no boolean', { id: '1', pool: 'yes' }, '/pool'],
    ['2 is no boolean', { id: '1', pool: 2 }, '/pool'],
    ['a comma is no decimal point', { id: '1', price: '1,5' }, '/price'],
    ['a negative price is no price', { id: '1', price: -5 }, '/price'],
    ['one thing is not a list of it', { id: '1', list: { url: 'a' } }, '/list']
  ])('%s', (_, record, path) => {
    expect(rejectionOf(() => parseJson(record))).toMatchObject({ code: 'RECORD_INVALID', path })
  })

  test('an empty element is absent, and missing when it is needed', () => {
    expect(parseXml({ id: '1', beds: '', lat: ' ', pool: { '@nil': 'true' } })).toEqual({ id: '1' })
    expect(rejectionOf(() => parseXml({ id: '' }))).toMatchObject({ code: 'RECORD_INCOMPLETE', path: '/id' })
  })

  test('an element with attributes is still its text', () => {
    expect(parseXml({ id: { '@lang': 'en', '#text': '1' } })).toEqual({ id: '1' })
    expect(parseXml({ id: '1', area: { '@unit': 'm2', '#text': '85.5' } }).area).toBe('85.5')
  })

  test('any string that is valid stays exactly what it was', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1 }), (id) => {
        fc.pre(id.isWellFormed() && !id.includes('\0'))
        expect(parseJson({ id }).id).toBe(id)
      })
    )
  })

  test('any safe integer and its text are the same id', () => {
    fc.assert(
      fc.property(fc.maxSafeInteger(), (id) => {
        expect(parseJson({ id }).id).toBe(parseJson({ id: String(id) }).id)
      })
    )
  })
})

describe('rejections', () => {
  test('what is missing is named before what is wrong', () => {
    expect(rejectionOf(() => parseJson({ beds: 'x' }))).toEqual({
      code: 'RECORD_INCOMPLETE',
      path: '/id',
      message: '/id is missing: an id; /beds is wrong: expected a whole number'
    })
  })

  test('of a union only the branch that was meant is explained', () => {
    expect(rejectionOf(() => parseJson({ id: '1', area: { value: 'x' } })).message).toBe(
      '/area/value is wrong: expected a number'
    )
    expect(rejectionOf(() => parseJson({ id: '1', area: {} }))).toMatchObject({
      code: 'RECORD_INCOMPLETE',
      path: '/area/value'
    })
    expect(rejectionOf(() => parseJson({ id: '1', area: 'x' })).message).toBe(
      '/area is wrong: expected square metres'
    )
  })

  test.each([
    [Type.Union([Type.Object({}), Type.Null()]), 'an object'],
    [Type.Union([Type.Null(), Type.Array(Type.String())]), 'a list'],
    [Type.Integer(), 'a whole number'],
    [Type.Unsafe({ const: 1 }), 'something else']
  ])('a place without a description says its type', (schema, expected) => {
    const parse = createRecordParser(Type.Object({ place: schema }))
    expect(rejectionOf(() => parse({ place: 'x' })).message).toBe(`/place is wrong: expected ${expected}`)
  })

  test('a pointer is escaped as RFC 6901 says', () => {
    expect(rejectionOf(() => parseJson({ id: '1', 'a/b~c': 1 })).path).toBe('/a~1b~0c')
  })

  test.each([1, '1', {}])('a list of half a million of %j is refused at once', (item) => {
    const begin = performance.now()
    expect(
      rejectionOf(() => parseJson({ id: '1', list: Array.from({ length: 500_000 }, () => item) })).path
    ).toBe('/list')
    expect(performance.now() - begin).toBeLessThan(2_000)
  })

  test('a name as long as the record is named in short', () => {
    const { path, message } = rejectionOf(() => parseJson({ id: '1', [`${'🏠'.repeat(100_000)}x`]: 1 }))
    expect(path?.length).toBeLessThan(150)
    expect(path?.isWellFormed()).toBe(true)
    expect(message.length).toBeLessThan(300)
  })

  test('a list that is too long is one problem', () => {
    const list = [{ url: 'a' }, { url: 'b' }, { url: 'c' }]
    expect(rejectionOf(() => parseJson({ id: '1', list })).message).toBe('/list is wrong: at most 2 items')
  })

  test('at most five problems are told', () => {
    const record = Object.fromEntries(['id', 'a', 'b', 'c', 'd', 'e', 'f'].map((name) => [name, 1]))
    expect(rejectionOf(() => parseJson(record)).message.split('; ')).toHaveLength(5)
  })

  test('no message quotes a value', () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.constantFrom('id', 'beds', 'price', 'area'), fc.constant('s3cret')),
        (record) => {
          try {
            parseJson(record)
          } catch (error) {
            expect((error as Error).message).not.toContain('s3cret')
          }
        }
      )
    )
  })

  test.each([3, 'text', null, [], undefined])('%j is no record', (record) => {
    expect(rejectionOf(() => parseJson(record))).toMatchObject({ code: 'RECORD_INVALID', path: '' })
  })
})

describe('soundness', () => {
  const nested = (depth: number): unknown => (depth === 0 ? 'end' : { inner: nested(depth - 1) })

  test('nesting beyond reason is refused, however deep', () => {
    expect(() => assertSound(nested(32))).not.toThrow()
    expect(rejectionOf(() => assertSound(nested(33))).code).toBe('RECORD_INVALID')
    const abyss = JSON.parse('['.repeat(200_000) + ']'.repeat(200_000)) as unknown
    expect(rejectionOf(() => assertSound(abyss)).code).toBe('RECORD_INVALID')
  })

  test.each(['a\u0000b', '\uD800', '\uDC00x'])('%j cannot be stored', (text) => {
    expect(rejectionOf(() => assertSound({ a: [text] })).path).toBe('/a/0')
    expect(rejectionOf(() => assertSound({ a: { [text]: 1 } })).path).toBe('/a')
  })

  test('__proto__ is refused where it stands', () => {
    const record = JSON.parse('{"a":[{"__proto__":{"polluted":true}}]}') as unknown
    expect(rejectionOf(() => assertSound(record)).path).toBe('/a/0/__proto__')
  })
})

describe('decimals', () => {
  test.each([
    ['0150.50', '150.5'],
    ['007', '7'],
    ['0', '0'],
    ['0.00', '0'],
    [' 1.000001 ', '1.000001'],
    ['1000000000000', '1000000000000']
  ])('%j is %s', (text, expected) => expect(toDecimal(text)).toBe(expected))

  test('keeps the number and has one spelling', () => {
    fc.assert(
      fc.property(fc.nat(1e9), fc.nat(999_999), fc.nat(3), (whole, fraction, zeros) => {
        const text = `${'0'.repeat(zeros)}${whole}.${String(fraction).padStart(6, '0')}`
        expect(Number(toDecimal(text))).toBe(Number(text))
        expect(toDecimal(toDecimal(text))).toBe(toDecimal(text))
      })
    )
  })

  test('zero in any spelling is zero', () => {
    expect(['0', '0.0', '000', ' 0 '].every(isZero)).toBe(true)
    expect(isZero('0.000001')).toBe(false)
  })
})

describe('leftovers', () => {
  test('what the schema does not know, by path, and nothing that says nothing', () => {
    const record = { id: '1', note: 'x', empty: '', list: [{ url: 'u' }, { url: 'u', title: 't' }] }
    expect(leftoversOf(Schema, record)).toEqual({ note: 'x', 'list/1/title': 't' })
  })

  test('attributes of an element that is only its text', () => {
    expect(leftoversOf(Schema, { id: { '@lang': 'en', '#text': '1' } })).toEqual({ 'id/@lang': 'en' })
  })

  test('nothing left is nothing', () => {
    expect(leftoversOf(Schema, { id: '1', pool: { '@nil': 'true' } })).toBeUndefined()
  })

  test('a path too long for extras is refused', () => {
    const name = 'x'.repeat(121)
    expect(rejectionOf(() => leftoversOf(Schema, { [name]: '1' })).path).toBe(`/${name.slice(1)}…`)
  })
})
