import { createHmac } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { ask, sourceOf } from './door.fixture.ts'

/** Those of the reference libraries: libraries/javascript/src/webhook.test.ts and libraries/rust/src/lib.rs. */
const VECTORS = [
  {
    secret: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw',
    id: 'msg_p5jXN8AQM9LWM0D4loKWxJek',
    timestamp: '1614265330',
    body: '{"test": 2432232314}',
    signature: 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE='
  },
  {
    secret: 'whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD',
    id: 'msg_27UH4WbU6Z5A5EzD8u03UvzRbpk',
    timestamp: '1649367553',
    body: '{"email":"test@example.com","username":"test_user"}',
    signature: 'v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw='
  }
] as const
const [FIRST] = VECTORS
const DECOY = 'Ceo5qEr07ixe2NLpvHk3FH9bwy/WavXrAFQ/9tdO6mc='
const NOW = Number(FIRST.timestamp) * 1_000

const SETTINGS = { scheme: 'standard-webhooks' }
const SOURCE = sourceOf(SETTINGS, FIRST.secret)
const headersOf = ({ id, timestamp, signature }: { id: string; timestamp: string; signature: string }) => ({
  'webhook-id': id,
  'webhook-timestamp': timestamp,
  'webhook-signature': signature
})
const HEADERS = headersOf(FIRST)
const askWith = (headers: Record<string, string>, nowMs = NOW, body: string | Buffer = FIRST.body) =>
  ask(SOURCE, { headers, body }, nowMs)

describe('Standard Webhooks v1', () => {
  it.each(VECTORS)('accepts $id, the vector of the reference libraries', ({ secret, body, ...vector }) => {
    const source = sourceOf(SETTINGS, secret)
    expect(ask(source, { headers: headersOf(vector), body }, Number(vector.timestamp) * 1_000)).toEqual({
      ok: true,
      secretId: 1,
      eventId: vector.id
    })
  })

  it('takes the secret without its prefix, and without padding', () => {
    const bare = FIRST.secret.replace('whsec_', '')
    expect(ask(sourceOf(SETTINGS, bare), { headers: HEADERS, body: FIRST.body }, NOW).ok).toBe(true)
    const key = Buffer.alloc(25, 1)
    const unpadded = key.toString('base64').replace(/=+$/, '')
    const signature = `v1,${createHmac('sha256', key).update(`m.${FIRST.timestamp}.x`).digest('base64')}`
    const headers = headersOf({ ...FIRST, id: 'm', signature })
    expect(ask(sourceOf(SETTINGS, `whsec_${unpadded}`), { headers, body: 'x' }, NOW).ok).toBe(true)
  })

  it('accepts the right one among decoys and unknown versions', () => {
    const signature = `v1,${DECOY} v2,${DECOY} ${FIRST.signature} v1,${DECOY}`
    expect(askWith({ ...HEADERS, 'webhook-signature': signature }).ok).toBe(true)
  })

  it.each(['webhook-id', 'webhook-timestamp', 'webhook-signature'])('refuses without %s', (name) => {
    expect(askWith({ ...HEADERS, [name]: '' }).ok).toBe(false)
    const { [name]: _, ...rest } = HEADERS as Record<string, string>
    expect(askWith(rest)).toMatchObject({ ok: false, missing: name === 'webhook-signature' })
  })

  const right = FIRST.signature.slice(3)
  it.each([
    ['a timestamp that is no number', { 'webhook-timestamp': 'hello' }],
    ['a timestamp with something after it', { 'webhook-timestamp': `${FIRST.timestamp}junk` }],
    ['a timestamp with a point', { 'webhook-timestamp': `${FIRST.timestamp}.0` }],
    ['a timestamp in milliseconds', { 'webhook-timestamp': `${FIRST.timestamp}000` }],
    ['an empty signature', { 'webhook-signature': 'v1,' }],
    ['a short signature', { 'webhook-signature': `v1,${right.slice(0, 8)}` }],
    ['a signature without version', { 'webhook-signature': right }],
    ['a signature of another version', { 'webhook-signature': `v2,${right}` }],
    ['a symmetric signature said to be asymmetric', { 'webhook-signature': `v1a,${right}` }],
    ['a signature with something after it', { 'webhook-signature': `v1,${right},junk` }],
    [
      'a signature in base64url',
      { 'webhook-signature': FIRST.signature.replaceAll('+', '-').replaceAll('/', '_') }
    ],
    ['a signature without padding', { 'webhook-signature': FIRST.signature.replace('=', '') }],
    ['another id', { 'webhook-id': 'msg_another' }],
    ['an id with a dot, which moves the border to the timestamp', { 'webhook-id': 'msg.1' }]
  ])('refuses %s', (_, changed) => {
    expect(askWith({ ...HEADERS, ...changed })).toMatchObject({ ok: false, code: 'CREDENTIALS_INVALID' })
  })

  it.each([-301, 301])('refuses a signature %i s away, and takes one a second nearer', (away) => {
    const nearer = away - Math.sign(away)
    expect(askWith(HEADERS, NOW - away * 1_000).ok).toBe(false)
    expect(askWith(HEADERS, NOW - nearer * 1_000).ok).toBe(true)
  })

  it('cannot be moved between id, timestamp and body', () => {
    // Signed: "a" "1614265330" "1614265331.x". Shown: "a.1614265330" "1614265331" "x".
    const content = `a.${FIRST.timestamp}.1614265331.x`
    const key = Buffer.from(FIRST.secret.slice(6), 'base64')
    const signature = `v1,${createHmac('sha256', key).update(content).digest('base64')}`
    const moved = headersOf({ id: `a.${FIRST.timestamp}`, timestamp: '1614265331', signature })
    expect(askWith(moved, NOW, 'x').ok).toBe(false)
    expect(askWith(headersOf({ ...FIRST, id: 'a', signature }), NOW, '1614265331.x').ok).toBe(true)
  })

  it('verifies the bytes, whatever they are: windows-1251 and an empty body', () => {
    const key = Buffer.from(FIRST.secret.slice(6), 'base64')
    for (const body of [
      Buffer.from('<имот/>', 'latin1'),
      Buffer.from([0xff, 0xfe, 0x00, 0xc0]),
      Buffer.alloc(0)
    ]) {
      const mac = createHmac('sha256', key).update(`m.${FIRST.timestamp}.`).update(body).digest('base64')
      expect(askWith(headersOf({ ...FIRST, id: 'm', signature: `v1,${mac}` }), NOW, body).ok).toBe(true)
    }
  })
})

/** Made with `openssl genpkey -algorithm ed25519` and `openssl pkeyutl -sign -rawin`; no library has v1a. */
const V1A = {
  key: 'whpk_CYMkAN2hee0IFisxrsux9LMBMo4FBxAMHp/QXO4lD6Q=',
  body: '{"id":"A-1"}',
  id: 'msg_2b7Fq',
  timestamp: '1700000000',
  signature: 'v1a,g1S/eOv55+BPIOng6M5jslUlf8Wnqyut0sQ3i7f6ZCfsHWYBSFK4LfZZA4win53gVhRY6RzZNDuqeDhOCqqgCQ=='
}

describe('Standard Webhooks v1a', () => {
  const at = Number(V1A.timestamp) * 1_000
  const source = sourceOf(SETTINGS, FIRST.secret, V1A.key)
  const decoy = `v1a,${Buffer.alloc(64, 1).toString('base64')}`
  const askV1a = (signature: string, body = V1A.body) =>
    ask(source, { headers: headersOf({ ...V1A, signature }), body }, at)

  it('accepts what the private key of a whpk_ has signed, beside v1 secrets', () => {
    expect(askV1a(V1A.signature)).toEqual({ ok: true, secretId: 2, eventId: V1A.id })
    expect(askV1a(`v1,${DECOY} ${decoy} ${V1A.signature}`)).toMatchObject({ ok: true, secretId: 2 })
  })

  it.each([
    ['another body', V1A.signature, '{"id":"A-2"}'],
    ['a signature said to be symmetric', V1A.signature.replace('v1a', 'v1'), V1A.body],
    ['a short signature', V1A.signature.slice(0, 40), V1A.body],
    ['a signature twice in one', `${V1A.signature}${V1A.signature}`, V1A.body],
    ['a signature with something after it', `${V1A.signature}!`, V1A.body],
    ['a signature with something in it', V1A.signature.replace('+', '+\0'), V1A.body],
    ['a signature without padding', V1A.signature.replace(/=+$/, ''), V1A.body],
    ['a signature in base64url', V1A.signature.replaceAll('+', '-').replaceAll('/', '_'), V1A.body],
    ['a signature whose spare bits are set', V1A.signature.replace(/.==$/, 'R=='), V1A.body],
    ['zeroes', `v1a,${Buffer.alloc(64).toString('base64')}`, V1A.body],
    [
      'a public key as HMAC key',
      `v1,${createHmac('sha256', Buffer.from(V1A.key.slice(5), 'base64'))
        .update(`${V1A.id}.${V1A.timestamp}.${V1A.body}`)
        .digest('base64')}`,
      V1A.body
    ]
  ])('refuses %s', (_, signature, body) => {
    expect(askV1a(signature, body)).toMatchObject({ ok: false, code: 'CREDENTIALS_INVALID' })
  })

  it('looks at four signatures and no more: checking one takes a while', () => {
    const decoys = Array.from({ length: 4 }, () => decoy).join(' ')
    expect(askV1a(`${decoys} ${V1A.signature}`).ok).toBe(false)
  })
})
