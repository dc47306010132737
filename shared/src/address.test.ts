import { expect, test } from 'vitest'
import { parseAddress } from './address.ts'

test('a feed is at a URL of HTTP, FTP or SFTP, at a file URL or at an absolute path', () => {
  expect(parseAddress('ftp://vendor.example/feed.xml')).toMatchObject({ kind: 'ftp' })
  expect(parseAddress('ftps://vendor.example/feed.xml')).toMatchObject({ kind: 'ftp' })
  expect(parseAddress('sftp://vendor.example/feed.xml')).toMatchObject({ kind: 'sftp' })
  expect(parseAddress('https://vendor.example/feed.xml')).toMatchObject({ kind: 'http' })
  expect(parseAddress('file:///srv/feeds/a%20b.xml')).toEqual({ kind: 'file', path: '/srv/feeds/a b.xml' })
  expect(parseAddress('/srv/feeds/a.xml')).toEqual({ kind: 'file', path: '/srv/feeds/a.xml' })
})

test.each([
  'feeds/a.xml',
  'sftp:///feed.xml',
  'gopher://vendor.example/feed.xml',
  'file://host/feed.xml',
  '',
  'javascript:alert(1)'
])('"%s" is no address', (text) => {
  expect(parseAddress(text)).toBeUndefined()
})
