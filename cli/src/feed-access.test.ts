import { describe, expect, test } from 'vitest'
import { accessSecretProblem, splitAddress, toAccess } from './feed-access.ts'

const HOST_KEY = `SHA256:${'a'.repeat(43)}`

describe('access', () => {
  test('changes what is given and keeps the rest', () => {
    const before = {
      credentials: { scheme: 'bearer' },
      hostKey: HOST_KEY,
      upload: { rule: 'done-file', path: '*.done' },
      pages: { by: 'link' },
      entry: '*.blm',
      charset: 'windows-1251'
    } as const
    expect(toAccess(before, { key: 'sluice' }).settings).toEqual({
      ...before,
      credentials: { scheme: 'key', user: 'sluice' }
    })
    expect(
      toAccess(before, { credentials: false, doneFile: false, pages: false, entry: false, charset: false })
    ).toEqual({
      settings: { hostKey: HOST_KEY },
      wants: undefined
    })
  })

  test.each([
    ['two kinds of credentials', { basic: 'u', bearer: true }],
    ['credentials and none', { basic: 'u', credentials: false }],
    ['a user with a colon', { basic: 'u:p' }],
    ['a header with a space', { header: 'X Key' }],
    ['half a host key', { hostKey: 'SHA256:abc' }],
    ['a charset of three words', { charset: 'of my own' }],
    ['a charset nobody knows', { charset: 'utf-7' }]
  ] as const)('refuses %s', (_name, options) => {
    expect(() => toAccess({}, options)).toThrow(expect.objectContaining({ code: 'ACCESS_INVALID' }))
  })
})

test.each([
  [{ scheme: 'basic', user: 'u' }, 'geheim:1', undefined],
  [{ scheme: 'basic', user: 'u' }, '', 'it is empty'],
  [{ scheme: 'bearer' }, 'a\nb', 'it holds a line break or another control character'],
  [{ scheme: 'key', user: 'u' }, '-----BEGIN OPENSSH PRIVATE KEY-----\nx\n', undefined],
  [{ scheme: 'key', user: 'u' }, 'ssh-ed25519 AAAA', 'it is no private key in PEM or OpenSSH format'],
  [
    { scheme: 'key', user: 'u' },
    '-----BEGIN ENCRYPTED PRIVATE KEY-----',
    'the key has a passphrase; give one without'
  ]
] as const)('%j with %j: %s', (credentials, secret, problem) => {
  expect(accessSecretProblem(credentials, secret)).toBe(problem)
})

test('user and password come out of an address as they were meant', () => {
  expect(splitAddress('https://us%40er:p%C3%A4ss@acme.example/feed.xml?x=1')).toEqual({
    address: 'https://acme.example/feed.xml?x=1',
    user: 'us@er',
    password: 'päss'
  })
  expect(splitAddress('ftp://us%er:100%@acme.example/feed.xml')).toMatchObject({
    user: 'us%er',
    password: '100%'
  })
  expect(splitAddress('https://acme.example/feed.xml')).toBeUndefined()
  expect(splitAddress('/srv/feed.xml')).toBeUndefined()
})
