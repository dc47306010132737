import { createHmac } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { createAuthenticate, type AuthSource } from './index.ts'
import { ask, SEALING, sourceOf } from './door.fixture.ts'

const NOW = 1_700_000_000_000
const GITHUB = { scheme: 'github' }
const BODY = '{"id":"A-1"}'
const signed = (secret: string, body = BODY) => ({
  body,
  headers: { 'x-hub-signature-256': `sha256=${createHmac('sha256', secret).update(body).digest('hex')}` }
})
const OLD = 'the old secret of ours'
const NEW = 'the new secret of ours'

describe('a door that cannot be understood is closed', () => {
  const hmac = { scheme: 'hmac', algorithm: 'sha256', encoding: 'hex', header: 'x-s', template: '{body}' }
  it.each<[string, AuthSource]>([
    ['no settings', sourceOf(undefined, OLD)],
    ['null', sourceOf(null, OLD)],
    ['an empty object', sourceOf({}, OLD)],
    ['an unknown scheme', sourceOf({ scheme: 'none' }, OLD)],
    ['a scheme out of a prototype', sourceOf({ scheme: 'constructor' }, OLD)],
    ['another one', sourceOf({ scheme: '__proto__' }, OLD)],
    ['a misspelt setting', sourceOf({ ...GITHUB, allowfrom: ['10.0.0.0/8'] }, OLD)],
    ['an address that is none', sourceOf({ ...GITHUB, allowFrom: ['10.0.0.0/33'] }, OLD)],
    ['no secret', sourceOf(GITHUB)],
    ['an HMAC that leaves out the body', sourceOf({ ...hmac, template: 'x' }, OLD)],
    ['an algorithm that is broken', sourceOf({ ...hmac, algorithm: 'md5' }, OLD)],
    ['an empty secret', sourceOf(hmac, '')],
    ['a secret that is not of the scheme', sourceOf({ scheme: 'standard-webhooks' }, 'not base64!')],
    ['an empty secret of Standard Webhooks', sourceOf({ scheme: 'standard-webhooks' }, 'whsec_')],
    ['a secret sealed for another source', { ...sourceOf(GITHUB, OLD), id: 2 }],
    ['a secret that was changed', { ...sourceOf(GITHUB, OLD), secrets: [{ id: 1, sealed: 'AQIDBA==' }] }]
  ])('%s', (_, source) => {
    for (const secret of [OLD, '']) {
      const request = signed(secret === '' ? 'x' : secret)
      const answer = ask(
        source,
        {
          ...request,
          headers: {
            ...request.headers,
            'x-s': createHmac('sha256', secret).update(BODY).digest('hex'),
            'webhook-id': 'a',
            'webhook-timestamp': '1700000000',
            'webhook-signature': `v1,${createHmac('sha256', secret).update(`a.1700000000.${BODY}`).digest('base64')}`
          }
        },
        NOW
      )
      expect(answer).toMatchObject({ ok: false, code: 'SOURCE_MISCONFIGURED', missing: false })
    }
  })

  it('without a master key', () => {
    const authenticate = createAuthenticate({ sealing: undefined })
    const request = { method: 'POST', url: '/', address: '::1', ...signed(OLD), body: Buffer.from(BODY) }
    expect(authenticate(request, sourceOf(GITHUB, OLD), NOW)).toMatchObject({ code: 'SOURCE_MISCONFIGURED' })
  })
})

describe('secrets of a source', () => {
  it('count several at once, each in its time', () => {
    const source = sourceOf(GITHUB, { secret: OLD, expiresAt: NOW + 1 }, { secret: NEW, notBefore: NOW })
    expect(ask(source, signed(OLD), NOW)).toMatchObject({ ok: true, secretId: 1 })
    expect(ask(source, signed(OLD), NOW + 1)).toMatchObject({ ok: false, reason: 'expired' })
    expect(ask(source, signed(NEW), NOW - 1)).toMatchObject({ ok: false, reason: 'not yet valid' })
    expect(ask(source, signed(NEW), NOW)).toMatchObject({ ok: true, secretId: 2 })
  })

  it('count no more when revoked, not even the last one', () => {
    const source = sourceOf(GITHUB, { secret: OLD, revokedAt: NOW - 1 })
    expect(ask(source, signed(OLD), NOW)).toMatchObject({ code: 'CREDENTIALS_INVALID' })
  })

  it('that cannot be opened do not shut out those that can, and blame nobody else', () => {
    const source = sourceOf(GITHUB, OLD)
    const broken = { ...source, secrets: [{ id: 9, sealed: 'AAAA' }, ...source.secrets] }
    expect(ask(broken, signed(OLD), NOW)).toMatchObject({ ok: true, secretId: 1 })
    expect(ask(broken, signed(NEW), NOW)).toMatchObject({ code: 'SOURCE_MISCONFIGURED' })
  })

  it("that cannot be opened and count no more are nobody's excuse", () => {
    const source = sourceOf(GITHUB, OLD)
    const broken = { ...source, secrets: [{ id: 9, sealed: 'AAAA', expiresAt: NOW }, ...source.secrets] }
    expect(ask(broken, signed(NEW), NOW)).toMatchObject({ code: 'CREDENTIALS_INVALID' })
    expect(ask(broken, signed(NEW), NOW - 1)).toMatchObject({ code: 'SOURCE_MISCONFIGURED' })
  })

  it('are nowhere in what is cached', () => {
    const cached = JSON.stringify(sourceOf(GITHUB, OLD))
    expect(cached).not.toContain(OLD)
    expect(cached).not.toContain(Buffer.from(OLD).toString('base64').slice(0, 12))
    expect(SEALING.seal(OLD, 'x').includes(OLD)).toBe(false)
  })
})

describe('an allow-list', () => {
  const source = sourceOf({ ...GITHUB, allowFrom: ['192.0.2.0/24', '198.51.100.7', '2001:db8::/32'] }, OLD)
  const from = (address: string, secret = OLD) => ask(source, { ...signed(secret), address }, NOW)

  it.each(['192.0.2.0', '192.0.2.255', '198.51.100.7', '::ffff:192.0.2.9', '2001:db8:ffff::1'])(
    'lets %s in, if it can sign',
    (address) => {
      expect(from(address).ok).toBe(true)
      expect(from(address, NEW)).toMatchObject({ code: 'CREDENTIALS_INVALID' })
    }
  )

  it.each([
    '192.0.3.0',
    '198.51.100.8',
    '2001:db9::1',
    '::ffff:192.0.3.9',
    '',
    'unknown',
    '192.0.2.1, 10.0.0.1'
  ])('refuses %j before it looks at the signature', (address) => {
    expect(from(address)).toMatchObject({ ok: false, code: 'ADDRESS_FORBIDDEN', missing: false })
  })
})
