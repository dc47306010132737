import { expect, test } from 'vitest'
import { authorize, credentialsIn, type Credentials } from './credentials.ts'

const URL_ = new URL('https://vendor.example/feed.xml?lang=es')

test.each<[Credentials, string, Record<string, string>]>([
  [
    { scheme: 'basic', user: 'agència', secret: 'p:ä$' },
    URL_.href,
    { authorization: `Basic ${Buffer.from('agència:p:ä$').toString('base64')}` }
  ],
  [{ scheme: 'bearer', secret: 't0ken' }, URL_.href, { authorization: 'Bearer t0ken' }],
  [{ scheme: 'header', name: 'X-Api-Key', secret: 'k' }, URL_.href, { 'x-api-key': 'k' }],
  [{ scheme: 'query', name: 'key', secret: 'a&b' }, `${URL_.href}&key=a%26b`, {}],
  [{ scheme: 'key', user: 'u', secret: 'private' }, URL_.href, {}]
])('%j', (credentials, href, headers) => {
  const made = authorize(URL_, credentials)
  expect(made.url.href).toBe(href)
  expect(made.headers).toEqual(headers)
})

test('user and password of an address never stay in it', () => {
  const url = new URL('https://us%40er:p%25%3Aw@vendor.example/feed.xml')
  expect(credentialsIn(url)).toEqual({ scheme: 'basic', user: 'us@er', secret: 'p%:w' })
  expect(authorize(url, undefined)).toEqual({ url: new URL('https://vendor.example/feed.xml'), headers: {} })
  expect(credentialsIn(URL_)).toBeUndefined()
})
