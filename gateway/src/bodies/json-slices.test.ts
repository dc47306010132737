import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { measureJson, sliceAt, sliceJson } from './json-slices.ts'

const texts = (body: string): string[] => sliceJson(Buffer.from(body)).map((bytes) => bytes.toString('utf8'))

/** JSON with whitespace wherever JSON allows it. */
const spaced = fc
  .tuple(fc.json(), fc.constantFrom('', ' ', '\n\t', '\r\n  '))
  .map(([json, space]) => JSON.stringify(JSON.parse(json), undefined, space))

describe('slicing a body into its records', () => {
  it('keeps the bytes of each item as they came, numbers with every digit', () => {
    expect(texts('[ {"id":12345678901234567890 } ,\n{"p":1.10,"s":"a,b]}\\"{["}]')).toEqual([
      '{"id":12345678901234567890 }',
      '{"p":1.10,"s":"a,b]}\\"{["}'
    ])
  })

  it('takes a single value as one record, without the space around it', () => {
    expect(texts('\n {"id":"a"} \t')).toEqual(['{"id":"a"}'])
  })

  it('finds nothing in an empty array', () => {
    expect(texts('[ ]')).toEqual([])
    expect(texts('[]')).toEqual([])
  })

  it('cuts any array where JSON.parse would', () => {
    fc.assert(
      fc.property(fc.array(spaced, { maxLength: 8 }), fc.constantFrom('', ' ', '\n'), (items, space) => {
        const body = `${space}[${space}${items.join(`${space},${space}`)}${space}]${space}`
        expect(texts(body)).toEqual(items.map((item) => item.trim()))
      }),
      { numRuns: 2_000 }
    )
  })
})

const at = (body: string, ...path: string[]): string[] =>
  sliceJson(Buffer.from(body), path).map((bytes) => bytes.toString('utf8'))

describe('a string in a body', () => {
  it('ends where JSON ends it, however long it is and whatever it escapes', () => {
    const piece = fc.constantFrom('"', '\\', '\n', 'é', ',', '[', 'x'.repeat(13), 'y'.repeat(47))
    fc.assert(
      fc.property(fc.array(fc.string({ unit: piece, maxLength: 12 }), { maxLength: 4 }), (strings) => {
        const items = strings.map((text) => JSON.stringify(text))
        expect(texts(`[${items.join(',')}]`)).toEqual(items)
        expect(measureJson(Buffer.from(`{"a":[${items.join(',')}]}`), LIMITS)).toEqual({ depth: 2 })
      }),
      { numRuns: 2_000 }
    )
  })

  it('that never ends, ends with the body', () => {
    for (const text of ['"', `"${'x'.repeat(100)}`, `"${'x'.repeat(60)}\\"`, `"${'\\'.repeat(99)}`])
      expect(measureJson(Buffer.from(`[${text}`), LIMITS)).toEqual({ depth: 1 })
  })
})

describe('slicing a wrapper', () => {
  it('finds the records at a path, through lists on the way', () => {
    expect(at('{"n":1,"data":{"items":[ {"id":1.10} , {"id":2} ]}}', 'data', 'items')).toEqual([
      '{"id":1.10}',
      '{"id":2}'
    ])
    expect(at('[{"data":{"id":1}},{"data":[{"id":2},{"id":3}]}]', 'data')).toEqual([
      '{"id":1}',
      '{"id":2}',
      '{"id":3}'
    ])
    expect(at('{"data":[]}', 'data')).toEqual([])
  })

  it('takes the last of equal names, however they are escaped, as JSON.parse does', () => {
    expect(at('{"a":1,"\\u0061":2,"b":3}', 'a')).toEqual(['2'])
    expect(at('{"a\\"b":1}', 'a"b')).toEqual(['1'])
  })

  it('finds at any path what JSON.parse finds there', () => {
    const name = fc.constantFrom('a', 'b', '__proto__', 'é"\\', '')
    const tree = fc.letrec((tie) => ({
      node: fc.oneof({ maxDepth: 3 }, fc.jsonValue({ maxDepth: 1 }), fc.dictionary(name, tie('node')))
    })).node
    fc.assert(
      fc.property(tree, fc.array(name, { maxLength: 3 }), fc.constantFrom(0, 2), (value, path, space) => {
        const json = JSON.stringify(value, undefined, space)
        let expected: unknown = JSON.parse(json)
        for (const step of path) {
          const isInside = typeof expected === 'object' && expected !== null && !Array.isArray(expected)
          expected =
            isInside && Object.hasOwn(expected as object, step)
              ? (expected as Record<string, unknown>)[step]
              : undefined
        }
        const slice = sliceAt(Buffer.from(json), path)
        expect(slice === undefined ? undefined : JSON.parse(slice.toString())).toEqual(expected)
      }),
      { numRuns: 300 }
    )
  })
})

const LIMITS = { values: 1_000, members: 1_000, depth: 1_000 }

describe('measuring a body', () => {
  it.each([
    ['[{"a":[{}]},1,{},"[[["]', 4],
    ['{"a":"}{[","b":[[]]}', 3],
    ['1', 0]
  ])('%s is %i deep', (body, depth) => expect(measureJson(Buffer.from(body), LIMITS)).toEqual({ depth }))

  const limits = { values: 10, members: 4, depth: 3 }
  const passed = (body: string): string | undefined => measureJson(Buffer.from(body), limits).passed

  it.each([
    ['[1,2,3,4]', undefined],
    ['[1,2,3,4,5]', 'members'],
    ['{"a":",,,,,,","b":"\\",,[[[[["}', undefined],
    ['[[[1]]]', undefined],
    ['[[[[1]]]]', 'depth'],
    ['[[1,2,3],[4,5,6],[7,8]]', 'values'],
    ['1\n2\n[3]', undefined]
  ])('%s passes the limit of %s', (body, limit) => expect(passed(body)).toBe(limit))

  it('never fails on what is not JSON', () => {
    const anything = fc.string({
      unit: fc.constantFrom('"', '\\', '{', '}', '[', ']', ',', ':', ' ', 'x', '1')
    })
    fc.assert(
      fc.property(anything, (text) => void passed(text)),
      { numRuns: 2_000 }
    )
  })
})
