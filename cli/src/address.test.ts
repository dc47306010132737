import { expect, test } from 'vitest'
import { maskAddress, toAddress } from './address.ts'

test.each([
  ['https://acme.example/feed.xml', 'https://acme.example/feed.xml'],
  ['http://user:pass@acme.example:8080/f?key=1', 'http://user:pass@acme.example:8080/f?key=1'],
  ['/srv/feeds/a.xml', '/srv/feeds/a.xml'],
  ['feeds/a.xml', '/here/feeds/a.xml'],
  ['acme.xml', '/here/acme.xml'],
  ['./acme.example/a.xml', '/here/acme.example/a.xml'],
  ['../feeds.old/a.xml', '/feeds.old/a.xml'],
  ['file:///srv/a%20b.xml', 'file:///srv/a%20b.xml']
])('%s is stored as %s', (text, address) => {
  expect(toAddress(text, '/here')).toEqual({ ok: true, address })
})

test.each([
  ['gopher://acme.example/x', 'gopher:// is not supported, use http(s)://, ftp(s)://, sftp:// or a path'],
  ['javascript://x', 'javascript:// is not supported, use http(s)://, ftp(s)://, sftp:// or a path'],
  ['sftp:///feed.xml', 'it is not a valid URL'],
  ['https://', 'it is not a valid URL'],
  ['http://[::1', 'it is not a valid URL'],
  ['file://host/a.xml', 'a file URL looks like file:///path/of/feed.xml'],
  ['acme.example/a.xml', 'a URL begins with https:// or the like, and a path that looks like one with ./'],
  [
    'www.acme.example:8080/a',
    'a URL begins with https:// or the like, and a path that looks like one with ./'
  ],
  ['  ', 'it is empty'],
  ['a\0b', 'a path has no NUL character']
])('%j is refused', (text, reason) => {
  expect(toAddress(text, '/here')).toEqual({ ok: false, reason })
})

test.each([
  ['https://acme.example/feed.xml', 'https://acme.example/feed.xml'],
  ['https://user:secret@acme.example/feed.xml', 'https://user:***@acme.example/feed.xml'],
  ['https://token@acme.example/feed.xml', 'https://***@acme.example/feed.xml'],
  ['https://acme.example/f?apikey=secret&lang=en', 'https://acme.example/f?apikey=***&lang=en'],
  ['https://user:sec ret@[bad/feed.xml', 'https://***@[bad/feed.xml'],
  ['/srv/feeds/a@b.xml', '/srv/feeds/a@b.xml']
])('%s is shown as %s', (address, shown) => {
  expect(maskAddress(address)).toBe(shown)
  expect(maskAddress(address)).not.toMatch(/sec ?ret|token/)
})
