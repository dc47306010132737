import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { asJson } from './as-json.ts'

it('gives what JSON gives back', () => {
  const values = fc.object({
    withDate: true,
    withNullPrototype: true,
    withSparseArray: true,
    values: [
      fc.string(),
      fc.boolean(),
      fc.double(),
      fc.integer(),
      fc.constantFrom(undefined, null, -0, Number.NaN)
    ]
  })
  fc.assert(
    fc.property(values, (value) => {
      const expected: unknown = JSON.parse(JSON.stringify(value))
      expect(isDeepStrictEqual(asJson(value), expected)).toBe(true)
    }),
    { numRuns: 2_000 }
  )
})

it('is the same object when there is nothing to change', () => {
  const value = { list: [{ a: 1 }, null, 'x'], no: false }
  expect(asJson(value)).toBe(value)
})
