import { expect, test } from 'vitest'
import { hintOf, nearest } from './suggest.ts'

const KNOWN = ['acme', 'acme-crm', 'costa-homes', 'demo']

test.each([
  ['acne', 'acme'],
  ['amce', 'acme'],
  ['ACME', 'acme'],
  ['costahomes', 'costa-homes'],
  ['homes', 'costa-homes'],
  ['acme-cmr', 'acme-crm'],
  ['zzz', undefined],
  ['', undefined]
])('%s may have meant %s', (typed, meant) => {
  expect(nearest(typed, KNOWN)).toBe(meant)
})

test('without a near name the few there are, or where to look', () => {
  expect(hintOf('zzz', KNOWN, 'Look there.')).toBe('Known: acme, acme-crm, costa-homes, demo.')
  expect(hintOf('zzz', [], 'Look there.')).toBe('Look there.')
  expect(
    hintOf(
      'zzz',
      Array.from({ length: 50 }, (_, index) => `vendor-${index}`),
      'Look there.'
    )
  ).toBe('Look there.')
  expect(hintOf('acmee', KNOWN, 'Look there.')).toBe('Did you mean "acme"?')
})
