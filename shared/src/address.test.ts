import { expect, test } from 'vitest'
import { parseAddress } from './address.ts'

test('a feed is at an http(s) URL, a file URL or an absolute path', () => {
  expect(parseAddress('https://vendor.example/feed.xml')).toMatchObject({ kind: 'http' })
  expect(parseAddress('file:///srv/feeds/a%20b.xml')).toEqual({ kind: 'file', path: '/srv/feeds/a b.xml' })
  expect(parseAddress('/srv/feeds/a.xml')).toEqual({ kind: 'file', path: '/srv/feeds/a.xml' })
})

test.each([
  'feeds/a.xml',
  'ftp://vendor.example/feed.xml',
  'file://host/feed.xml',
  '',
  'javascript:alert(1)'
])('"%s" is no address', (text) => {
  expect(parseAddress(text)).toBeUndefined()
})
