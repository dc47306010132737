import { InvalidArgumentError } from 'commander'
import { expect, test } from 'vitest'
import * as input from './input.ts'

test.each(['a', '0', 'acme-crm', 'a'.repeat(63)])('%s is a slug', (text) => {
  expect(input.slug(text)).toBe(text)
})

test.each(['', '-a', 'A', 'acme crm', 'ácme', 'a_b', 'a'.repeat(64), 'a\n'])('%j is none', (text) => {
  expect(() => input.slug(text)).toThrow(InvalidArgumentError)
})

test('a time zone that is none is answered with the nearest that is one', () => {
  expect(input.timeZone('Europe/Sofia')).toBe('Europe/Sofia')
  expect(() => input.timeZone('Europe/Sophia')).toThrow('Did you mean Europe/Sofia?')
})

test('a schedule is checked, and said what is wrong with', () => {
  expect(input.schedule(' 0 */6 * * * ')).toBe('0 */6 * * *')
  expect(() => input.schedule('every day')).toThrow('A schedule is a cron expression')
  expect(() => input.schedule('61 * * * *')).toThrow(InvalidArgumentError)
})

test('an id is what a list shows, and fits a bigint', () => {
  expect(input.rowId('42')).toBe('42')
  for (const text of ['0', '-1', '1.5', 'x', '1'.repeat(19), '']) {
    expect(() => input.rowId(text)).toThrow(InvalidArgumentError)
  }
})

test('a time is a date or a duration from now', () => {
  expect(input.instant('2027-03-31T00:00:00Z')).toEqual(new Date('2027-03-31T00:00:00Z'))
  expect(Math.abs(input.instant('90d').getTime() - Date.now() - 90 * 86_400_000)).toBeLessThan(5_000)
  expect(() => input.instant('soon')).toThrow(InvalidArgumentError)
})

test('a format is refused when it is unknown, or of the other kind', () => {
  expect(input.formatFor('sluice', 'webhook').name).toBe('sluice')
  expect(input.formatFor('kyero', 'feed').name).toBe('kyero')
  expect(() => input.formatFor('kyro', 'feed')).toThrow('No format "kyro". Did you mean "kyero"?')
  expect(() => input.formatFor('kyero', 'webhook')).toThrow('cannot be used for a webhook')
})

test('a path begins where the person stands', () => {
  expect(input.addressFrom(() => '/home/ann/feeds')('./acme.xml')).toBe('/home/ann/feeds/acme.xml')
})
