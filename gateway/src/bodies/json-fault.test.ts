import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { findJsonFault } from './json-fault.ts'

const isJson = (text: string): boolean => {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

describe('finding where a text stops being JSON', () => {
  it.each([
    ['{"a":1,}', 7, 1, 8],
    ['{"a":1\n "b":2}', 8, 2, 2],
    ['[1,2', 4, 1, 5],
    ['', 0, 1, 1],
    ['abc', 0, 1, 1],
    ['{"a":01}', 6, 1, 7],
    ['{"a":"x\ty"}', 7, 1, 8],
    ['{"a":"\\x"}', 7, 1, 8],
    ['{"a":"\\u12g4"}', 8, 1, 9],
    ['{"a"}', 4, 1, 5],
    ['{} {}', 3, 1, 4],
    ['[1 2]', 3, 1, 4],
    ['{a:1}', 1, 1, 2],
    ['[}', 1, 1, 2]
  ])('%j stops at %i', (text, offset, line, column) => {
    expect(findJsonFault(text)).toMatchObject({ offset, line, column })
  })

  it('finds none in JSON', () => {
    fc.assert(fc.property(fc.json(), (json) => findJsonFault(json) === undefined))
  })

  it('agrees with JSON.parse on whether there is a fault, whatever the text', () => {
    const damaged = fc
      .tuple(
        fc.json(),
        fc.nat(),
        fc.constantFrom('', ',', '"', '}', ']', '\\', '1', 'e', '.', ' ', '\n', ':')
      )
      .map(([json, at, insert]) => {
        const place = at % (json.length + 1)
        return json.slice(0, place) + insert + json.slice(place + 1)
      })
    fc.assert(
      fc.property(fc.oneof(damaged, fc.string()), (text) => {
        expect(findJsonFault(text) === undefined).toBe(isJson(text))
      }),
      { numRuns: 5_000 }
    )
  })
})
