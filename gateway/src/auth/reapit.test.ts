import { generateKeyPairSync, sign } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { ask, sourceOf } from './door.fixture.ts'

/** The page documents a key and a header, but not the body they go with; this pair was made with openssl 3. */
const KEY = 'CYMkAN2hee0IFisxrsux9LMBMo4FBxAMHp_QXO4lD6Q'
const BODY = '{"eventId":"e1","entityId":"RPT1","customerId":"DEMO","topicId":"properties.modified"}'
const SIGNATURE = 'Ag5BUFTvOsYxwug_391NachijMmbR_wHt7dPpOrc7GUlEQ5z5a38lqSvbWaiXOQnU1Wmg-7GhJIec6fun1k0Aw'
const TIMESTAMP = '1700000000'
const NOW = 1_700_000_000_000

const SOURCE = sourceOf({ scheme: 'reapit' }, KEY)
const header = (timestamp = TIMESTAMP, signature = SIGNATURE) => ({
  'x-signature': `s:98da2881-0540-48db-8ffa-45d7003f1412:${timestamp}:${signature}`
})

describe('Reapit', () => {
  it('is accepted, and known by event, topic, customer and entity: several notifications share an eventId', () => {
    expect(ask(SOURCE, { headers: header(), body: BODY }, NOW)).toEqual({
      ok: true,
      secretId: 1,
      eventId: '["e1","properties.modified","DEMO","RPT1"]'
    })
  })

  it('can use the public key of the documentation', () => {
    const source = sourceOf({ scheme: 'reapit' }, 'ijz3_2n1gmlfhqAa2XH_5uYmcL2L2VHb1IqDbRDLBnU')
    expect(ask(source, { headers: header(), body: BODY }, NOW)).toMatchObject({ code: 'CREDENTIALS_INVALID' })
  })

  it.each([
    ['another body', header(), `${BODY} `],
    ['another time', header('1700000001'), BODY],
    ['a digit of the body moved into the time', header('17000000001'), BODY],
    ['another signature', header(TIMESTAMP, `B${SIGNATURE.slice(1)}`), BODY],
    ['a signature whose spare bits are set', header(TIMESTAMP, SIGNATURE.replace(/.$/, 'x')), BODY],
    ['a cut signature', header(TIMESTAMP, SIGNATURE.slice(1)), BODY],
    ['no parts', { 'x-signature': SIGNATURE }, BODY]
  ])('is refused with %s', (_, headers, body) => {
    expect(ask(SOURCE, { headers, body }, NOW)).toMatchObject({ ok: false, code: 'CREDENTIALS_INVALID' })
  })

  it('is missing without its header, and too old after an hour', () => {
    expect(ask(SOURCE, { body: BODY }, NOW)).toMatchObject({ missing: true })
    expect(ask(SOURCE, { headers: header(), body: BODY }, NOW + 3_600_000).ok).toBe(true)
    expect(ask(SOURCE, { headers: header(), body: BODY }, NOW + 3_601_000).ok).toBe(false)
  })

  it("answers the portal's ping, which is no offer", () => {
    const { privateKey, publicKey } = generateKeyPairSync('ed25519')
    const { x = '' } = publicKey.export({ format: 'jwk' })
    const body = '{"eventId":"e1","customerId":"webhook-test"}'
    const signature = sign(null, Buffer.from(TIMESTAMP + body), privateKey).toString('base64url')
    const answer = ask(
      sourceOf({ scheme: 'reapit' }, x),
      { headers: header(TIMESTAMP, signature), body },
      NOW
    )
    expect(answer).toMatchObject({ ok: true, challenge: { status: 200 } })
  })
})
