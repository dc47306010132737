import fc from 'fast-check'
import { expect, test } from 'vitest'
import { valueAt } from './format.ts'

test('the value at a path, or undefined', () => {
  const record = { a: { b: '1' }, list: ['x'] }
  expect(valueAt(record, ['a', 'b'])).toBe('1')
  expect(valueAt(record, ['a', 'c'])).toBeUndefined()
  expect(valueAt(record, ['a', 'b', 'c'])).toBeUndefined()
  expect(valueAt(record, [])).toBe(record)
  expect(valueAt(null, ['a'])).toBeUndefined()
})

test.each([['__proto__'], ['constructor'], ['toString'], ['hasOwnProperty']])(
  '%s is inherited, so it is not there',
  (name) => {
    expect(valueAt({ a: 1 }, [name])).toBeUndefined()
    expect(valueAt({ a: {} }, ['a', name, 'name'])).toBeUndefined()
  }
)

test('any path into any JSON is a value or undefined, never an exception', () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.array(fc.string()), (record, path) => {
      expect(() => valueAt(record, path)).not.toThrow()
    })
  )
})
