import { expect, test } from 'vitest'
import { parseCidr, toBlockList, wrongCidrs } from './cidr.ts'

test.each([
  ['10.0.0.0/8', { address: '10.0.0.0', prefix: 8, family: 'ipv4' }],
  ['10.1.2.3', { address: '10.1.2.3', prefix: 32, family: 'ipv4' }],
  ['fd00::/8', { address: 'fd00::', prefix: 8, family: 'ipv6' }],
  ['::1', { address: '::1', prefix: 128, family: 'ipv6' }]
])('%s is a range', (text, cidr) => {
  expect(parseCidr(text)).toEqual(cidr)
})

test.each([
  '10.0.0.0/33',
  '10.0.0/8',
  '10.0.0.0/',
  '10.0.0.0/8/8',
  '::1/129',
  'localhost',
  'fe80::1%eth0',
  '1/8',
  ''
])('"%s" is none', (text) => {
  expect(parseCidr(text)).toBeUndefined()
})

test('a list names what is wrong with it, and one that is right holds its addresses', () => {
  expect(wrongCidrs('10.0.0.0/8, x ::1  172.16.0.0/99')).toEqual([2, 4])
  const ranges = toBlockList('10.0.0.0/8, ::1')
  expect(ranges.check('10.255.0.1', 'ipv4')).toBe(true)
  expect(ranges.check('11.0.0.1', 'ipv4')).toBe(false)
  expect(ranges.check('::1', 'ipv6')).toBe(true)
  expect(() => toBlockList('x')).toThrow('"x" is no range')
})
