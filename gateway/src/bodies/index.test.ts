import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { findFormat } from '@sluice/shared/formats'
import { Refusal, REFUSALS } from '../errors.ts'
import { MAX_RECORDS } from '../limits.ts'
import { readBody } from './index.ts'

const FORMAT = { id: ['id'], factAt: ['updatedAt'] }
const read = (
  type: string,
  body: string | Buffer,
  recordsPath?: string[],
  headers: Record<string, string> = {}
) =>
  readBody(
    { headers: { 'content-type': type, ...headers }, body: Buffer.from(body) },
    { timeZone: 'UTC', recordsPath },
    FORMAT
  ).records
const texts = (...of: Parameters<typeof read>): string[] => read(...of).map(({ body }) => body.toString())

const codeOf = (act: () => unknown): string | undefined => {
  try {
    act()
  } catch (thrown) {
    if (thrown instanceof Refusal) return thrown.code
    throw thrown
  }
  return undefined
}

/** The same number of records in every kind. */
const many = (count: number): [string, string][] => [
  ['application/json', JSON.stringify(Array.from({ length: count }, (_, id) => ({ id })))],
  ['application/x-ndjson', '{"id":1}\n'.repeat(count)],
  ['text/xml', `<root>${'<property><id>1</id></property>'.repeat(count)}</root>`]
]

describe('a body of any kind', () => {
  it('of JSON that is sent as a form is refused with what it was read as', () => {
    const FORM = 'application/x-www-form-urlencoded'
    const hint = 'The body was read as a form, as its Content-Type says; send application/json for JSON.'
    expect(() => read(FORM, '{"id":"7"}')).toThrow(
      expect.objectContaining({
        code: 'RECORD_ID_MISSING',
        message: `Record 0 has no id at /id. ${hint}`,
        index: 0,
        path: '/id'
      })
    )
    expect(() => read(FORM, '[{"id":"7"}]', ['data'])).toThrow(
      `There is nothing at /data, where the records of this source are expected. ${hint}`
    )
    expect(() => read(FORM, 'no=7')).toThrow(/^Record 0 has no id at \/id\.$/)
  })

  it('becomes the same records', () => {
    const offer = '{"id":"7","city":"Варна"}'
    const expected = [{ index: 0, body: Buffer.from(offer), externalId: '7' }]
    expect(read('application/json', offer)).toEqual(expected)
    expect(read('application/json', `{"data":[${offer}]}`, ['data'])).toEqual(expected)
    expect(read('application/x-ndjson', `\n${offer}\r\n`)).toEqual(expected)
    expect(read('text/xml', '<o><id>7</id><city>Варна</city></o>')).toEqual(expected)
    expect(read('application/x-www-form-urlencoded', 'id=7&city=%D0%92%D0%B0%D1%80%D0%BD%D0%B0')).toEqual(
      expected
    )
    expect(read('application/x-www-form-urlencoded', 'o[id]=7&o[city]=Варна&token=x', ['o'])).toEqual(
      expected
    )
    expect(read('application/json', gzipSync(offer), undefined, { 'content-encoding': 'gzip' })).toEqual(
      expected
    )
    const cyrillic = Buffer.concat([
      Buffer.from('{"id":"7","city":"'),
      Buffer.from([0xc2, 0xe0, 0xf0, 0xed, 0xe0]),
      Buffer.from('"}')
    ])
    expect(read('application/json; charset=windows-1251', cyrillic)).toEqual(expected)
  })

  it('keeps the digits and bytes of each line and of what is in a wrapper', () => {
    const record = '{"id":12345678901234567891, "p":1.10}'
    expect(texts('application/x-ndjson', `${record}\n\n  ${record} \n`)).toEqual([record, record])
    expect(texts('application/json', `{"n":1,"d":{"i":[${record} ,${record}]}}`, ['d', 'i'])).toEqual([
      record,
      record
    ])
    expect(read('application/x-ndjson', record)[0]?.externalId).toBe('12345678901234567891')
  })

  it('reads a wrapper on each line, and in each item of a list', () => {
    expect(texts('application/x-ndjson', '{"d":{"id":1}}\n{"d":[{"id":2},{"id":3}]}', ['d'])).toEqual([
      '{"id":1}',
      '{"id":2}',
      '{"id":3}'
    ])
    expect(texts('application/json', '[{"d":{"id":1}},{"d":{"id":2}}]', ['d'])).toEqual([
      '{"id":1}',
      '{"id":2}'
    ])
  })

  it.each([
    ['application/json', '{"other":1}', ['d']],
    ['application/json', '[{"d":{"id":1}},{"other":{"id":2}}]', ['d']],
    ['application/json', '{"d":{"id":1}}', ['d', 'e']],
    ['application/json', '{}', ['__proto__']],
    ['application/json', '[[{"id":"1"}]]', ['0']],
    ['application/json', '{"d":[]}', ['d']],
    ['application/x-ndjson', '{"d":{"id":1}}\n{"x":1}', ['d']],
    ['application/x-ndjson', '\n\n', undefined],
    ['application/x-www-form-urlencoded', 'a=1', ['d']],
    ['text/xml', '<r><a/></r>', ['r', 'd']]
  ])('a wrapper without its records is refused: %s %s at %j', (type, body, path) => {
    expect(codeOf(() => read(type, body, path))).toBe('RECORDS_MISSING')
  })

  it('counts records the same way in every kind', () => {
    for (const [type, body] of many(MAX_RECORDS)) {
      expect(read(type, body, type === 'text/xml' ? ['root', 'property'] : undefined)).toHaveLength(
        MAX_RECORDS
      )
    }
    for (const [type, body] of many(MAX_RECORDS + 1)) {
      const path = type === 'text/xml' ? ['root', 'property'] : undefined
      expect(codeOf(() => read(type, body, path))).toBe('RECORDS_TOO_MANY')
    }
  })

  it('names the line of a list of lines that is broken', () => {
    expect(() => read('application/x-ndjson', '{"id":"é"}\n\n{"id":}\n')).toThrow(
      expect.objectContaining({
        position: { offset: 18, line: 3, column: 7 },
        message: expect.stringContaining('line 3, column 7')
      })
    )
  })

  it.each([
    [
      'application/json',
      `{"id":1,${Array.from({ length: 100_000 }, (_, n) => `"${n.toString(36)}":1`).join(',')}}`
    ],
    ['application/json', `[${'{},'.repeat(300_000)}{}]`],
    ['application/json', `[${`[${'1,'.repeat(999)}1],`.repeat(51)}1]`],
    ['application/x-ndjson', '{"id":1}\n'.repeat(100_000)],
    ['application/x-www-form-urlencoded', 'a=1&'.repeat(200_000)],
    ['text/xml', `<r>${'<a/>'.repeat(200_000)}</r>`]
  ])('small change by the hundred thousand is refused before it costs anything: %s %.20s', (type, body) => {
    expect(codeOf(() => read(type, body))).toBe('VALUES_TOO_MANY')
  })

  it.each(['{', '[', '{"a":', '[[[[', '}', '"', '"\\'])('%s a million times is refused', (piece) => {
    expect(codeOf(() => read('application/json', piece.repeat(1_000_000 / piece.length)))).toMatch(
      /^(BODY_MALFORMED|RECORD_TOO_DEEP)$/
    )
  })
})

describe('whatever is sent', () => {
  const TYPES = [
    'application/json',
    'application/json; charset=utf-16le',
    'application/x-ndjson',
    'text/xml',
    'application/xml; charset=windows-1251',
    'application/x-www-form-urlencoded',
    'application/x-www-form-urlencoded; charset=shift_jis'
  ]
  const SEEDS = [
    '{"id":"1","updatedAt":"2026-11-23T10:15:00Z","d":[{"id":2}],"n":1.10}',
    '{"id":1}\n{"id":2}\n',
    '<root><property><id>1</id><images><image id="1">&amp;<![CDATA[x]]></image></images></property></root>',
    'id=1&d[a][]=2&d[a][]=3&e=%41+',
    '<e:Envelope xmlns:e="x"><e:Body><notifications xmlns="http://soap.sforce.com/2005/09/outbound"/></e:Body></e:Envelope>'
  ]
  const mutation = fc.record({
    at: fc.nat(),
    cut: fc.nat(4),
    put: fc.oneof(
      fc.string({ maxLength: 4 }),
      fc.constantFrom(...SEEDS, '"', '[', '{', '<', '&', ']]>', '%', '__proto__')
    )
  })
  const mutated = fc
    .tuple(fc.constantFrom(...SEEDS), fc.array(mutation, { maxLength: 6 }))
    .map(([seed, mutations]) =>
      mutations.reduce((text, { at, cut, put }) => {
        const place = at % (text.length + 1)
        return text.slice(0, place) + put + text.slice(place + cut)
      }, seed)
    )
  const body = fc.oneof(
    mutated.map((text) => Buffer.from(text)),
    mutated.map((text) => Buffer.from(text, 'utf16le')),
    fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes))
  )
  const formats = [FORMAT, findFormat('kyero') ?? FORMAT, findFormat('sluice') ?? FORMAT]

  it('it becomes records or a refusal of the sender, and each record is an object in JSON with its id', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...TYPES),
        body,
        fc.constantFrom(undefined, ['d'], ['root', 'property'], ['__proto__', 'd']),
        fc.constantFrom(undefined, 'gzip', 'deflate'),
        fc.boolean(),
        fc.constantFrom(...formats),
        (type, bytes, recordsPath, encoding, isCompressed, format) => {
          const headers = {
            'content-type': type,
            ...(encoding === undefined ? {} : { 'content-encoding': encoding })
          }
          const sent = isCompressed ? gzipSync(bytes) : bytes
          try {
            const { records } = readBody({ headers, body: sent }, { timeZone: 'UTC', recordsPath }, format)
            for (const [index, record] of records.entries()) {
              const value: unknown = JSON.parse(record.body.toString())
              expect(value).toBeTypeOf('object')
              expect(Array.isArray(value)).toBe(false)
              expect(record).toMatchObject({ index, externalId: expect.stringMatching(/./s) })
            }
          } catch (thrown) {
            if (!(thrown instanceof Refusal)) throw thrown
            expect(REFUSALS[thrown.code].status).toBeLessThan(500)
          }
        }
      ),
      { numRuns: 5_000 }
    )
    expect(Object.keys(Object.prototype)).toEqual([])
  })
})
