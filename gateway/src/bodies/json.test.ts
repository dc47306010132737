import { describe, expect, it } from 'vitest'
import { MAX_RECORD_DEPTH } from '@sluice/shared/envelope'
import { findFormat } from '@sluice/shared/formats'
import { Refusal } from '../errors.ts'
import { MAX_RECORDS } from '../limits.ts'
import { readBody } from './index.ts'

const PATHS = { id: ['id'], factAt: ['meta', 'updatedAt'] }
const split = (body: string | Buffer, paths = PATHS, timeZone = 'UTC') =>
  readBody({ headers: { 'content-type': 'application/json' }, body: Buffer.from(body) }, { timeZone }, paths)
    .records

const refusalOf = (body: string | Buffer): Refusal => {
  try {
    split(body)
  } catch (thrown) {
    if (thrown instanceof Refusal) return thrown
    throw thrown
  }
  throw new Error('it was not refused')
}

/** A record with an id, and under `x` so many levels. */
const NESTED: Readonly<Record<string, (levels: number) => string>> = {
  'application/json': (levels) => `{"id":"a","x":${'{"x":'.repeat(levels)}1${'}'.repeat(levels)}}`,
  'application/xml': (levels) => `<r><id>a</id><x>${'<x>'.repeat(levels)}1${'</x>'.repeat(levels)}</x></r>`,
  'application/x-www-form-urlencoded': (levels) => `id=a&x${'[x]'.repeat(levels)}=1`
}
/** Whether the worker would reject it for its depth, whatever else is wrong with it. */
const isTooDeepForTheWorker = (record: unknown): boolean => {
  try {
    findFormat('sluice')?.toChange(record, { timeZone: 'UTC' })
  } catch (thrown) {
    return thrown instanceof Error && thrown.message.includes('nested deeper')
  }
  return false
}

const records = (count: number): string => JSON.stringify(Array.from({ length: count }, (_, id) => ({ id })))

describe('a JSON body', () => {
  it('takes one object, or the items of an array in their order', () => {
    expect(split('{"id":"a"}')).toEqual([{ index: 0, body: Buffer.from('{"id":"a"}'), externalId: 'a' }])
    expect(split('[{"id":"a"},{"id":"b"}]').map(({ index, externalId }) => [index, externalId])).toEqual([
      [0, 'a'],
      [1, 'b']
    ])
  })

  it('passes a record on as it was written, not as it was parsed', () => {
    const record =
      '{ "id": "a", "price": 1.10, "n": 12345678901234567890, "__proto__": {"x": 1}, "t": " \\u00e9 " }'
    expect(split(`[${record}]`)[0]?.body.toString()).toBe(record)
  })

  it('keeps every digit of a numeric id', () => {
    expect(
      split('[{"id":12345678901234567891},{"id":12345678901234567890}]').map((r) => r.externalId)
    ).toEqual(['12345678901234567891', '12345678901234567890'])
  })

  it('does not trim or change an id', () => {
    expect(split('{"id":" 007 "}')[0]?.externalId).toBe(' 007 ')
  })

  it('reads the date a record states, in the time zone of the source when it has none', () => {
    const [record] = split('{"id":"a","meta":{"updatedAt":"2026-11-23 10:00:00"}}', PATHS, 'Europe/Sofia')
    expect(record?.factAt).toBe(Date.UTC(2026, 10, 23, 8) * 1000)
    expect(split('{"id":"a","meta":{"updatedAt":null}}')[0]?.factAt).toBeUndefined()
    expect(split('{"id":"a"}')[0]?.factAt).toBeUndefined()
  })

  it('ignores a byte order mark', () => {
    const [record] = split(Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), Buffer.from('{"id":"a"}')]))
    expect(record?.body.toString()).toBe('{"id":"a"}')
  })

  it('finds an id only where it is said to be, never on a prototype', () => {
    expect(refusalOf('{"__proto__":{"id":"evil"}}').code).toBe('RECORD_ID_MISSING')
    expect(refusalOf('{"constructor":{"prototype":{"id":"evil"}}}').code).toBe('RECORD_ID_MISSING')
    expect(() => split('{"a":1}', { id: ['constructor', 'name'], factAt: [] })).toThrow(/has no id/)
    expect(({} as Record<string, unknown>).id).toBeUndefined()
  })

  it.each([
    ['', 'BODY_MALFORMED'],
    ['{"id":', 'BODY_MALFORMED'],
    ['[]', 'RECORDS_MISSING'],
    ['null', 'RECORD_NOT_OBJECT'],
    ['"a"', 'RECORD_NOT_OBJECT'],
    ['[[{"id":"a"}]]', 'RECORD_NOT_OBJECT'],
    ['{"id":""}', 'RECORD_ID_MISSING'],
    ['{"id":null}', 'RECORD_ID_MISSING'],
    ['{"id":"  "}', 'RECORD_ID_INVALID'],
    ['{"id":{"a":1}}', 'RECORD_ID_INVALID'],
    ['{"id":true}', 'RECORD_ID_INVALID'],
    ['{"id":1.5}', 'RECORD_ID_INVALID'],
    ['{"id":1e3}', 'RECORD_ID_INVALID'],
    ['{"id":-1}', 'RECORD_ID_INVALID'],
    ['{"id":"a\\u0000b"}', 'RECORD_ID_INVALID'],
    ['{"id":"\\ud800"}', 'RECORD_ID_INVALID'],
    [`{"id":"${'x'.repeat(256)}"}`, 'RECORD_ID_INVALID'],
    ['{"id":"a","meta":{"updatedAt":"soon"}}', 'FACT_AT_INVALID'],
    ['{"id":"a","meta":{"updatedAt":{}}}', 'FACT_AT_INVALID'],
    [`{"id":"a","x":${'['.repeat(400_000)}${']'.repeat(400_000)}}`, 'RECORD_TOO_DEEP']
  ])('refuses %.60s with %s', (body, code) => {
    expect(refusalOf(body).code).toBe(code)
  })

  it.each(['application/json', 'application/xml', 'application/x-www-form-urlencoded'])(
    '%s: what it takes is as deep as the worker takes, and not one level deeper',
    (type) => {
      const read = (depth: number): unknown => {
        const body = Buffer.from(NESTED[type]?.(depth - 1) ?? '')
        const found = readBody({ headers: { 'content-type': type }, body }, { timeZone: 'UTC' }, PATHS)
        return JSON.parse(found.records[0]?.body.toString() ?? '')
      }
      expect(isTooDeepForTheWorker(read(MAX_RECORD_DEPTH))).toBe(false)
      expect(() => read(MAX_RECORD_DEPTH + 1)).toThrow(expect.objectContaining({ code: 'RECORD_TOO_DEEP' }))
      const deeper = JSON.parse(NESTED['application/json']?.(MAX_RECORD_DEPTH) ?? '') as unknown
      expect(isTooDeepForTheWorker(deeper)).toBe(true)
    }
  )

  it('takes as many records as it says and not one more', () => {
    expect(split(records(MAX_RECORDS))).toHaveLength(MAX_RECORDS)
    expect(refusalOf(records(MAX_RECORDS + 1)).code).toBe('RECORDS_TOO_MANY')
  })

  it('names the record that is to blame, and where in it', () => {
    expect(refusalOf('[{"id":"a"},{"id":"b"},{"name":"c"}]')).toMatchObject({
      code: 'RECORD_ID_MISSING',
      index: 2,
      path: '/id'
    })
    expect(refusalOf('[{"id":"a"},{"id":"b","meta":{"updatedAt":"x"}}]')).toMatchObject({
      index: 1,
      path: '/meta/updatedAt'
    })
  })

  it('names the place where a body stops being JSON, without quoting it', () => {
    const refusal = refusalOf('{"id":"secret",\n "price":}')
    expect(refusal.position).toEqual({ offset: 25, line: 2, column: 10 })
    expect(refusal.message).not.toContain('secret')
  })

  it('refuses what is not UTF-8', () => {
    expect(refusalOf(Buffer.from([0x7b, 0x22, 0xcf, 0xf0, 0x22, 0x7d])).message).toContain('UTF-8')
  })
})
