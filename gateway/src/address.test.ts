import { expect, it } from 'vitest'
import { addressOf } from './address.ts'

it.each([
  ['192.0.2.1', '192.0.2.1'],
  ['2001:db8::1', '2001:db8::1'],
  ['::ffff:192.0.2.1', '::ffff:192.0.2.1'],
  ['fe80::1%eth0', 'fe80::1'],
  [`fe80::1%${'x'.repeat(10_000)}`, 'fe80::1'],
  ['canary-secret', '(unknown)'],
  ['192.0.2.1:443', '(unknown)'],
  ['', '(unknown)']
])('%s', (ip, address) => {
  expect(addressOf({ ip })).toBe(address)
})
