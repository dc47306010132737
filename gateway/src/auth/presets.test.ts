import { describe, expect, it } from 'vitest'
import { PRESETS } from '@sluice/shared/auth'
import { ask, sourceOf } from './door.fixture.ts'

interface Vector {
  preset: keyof typeof PRESETS
  /** `documented`: printed on the vendor's page. `openssl`: made with `openssl dgst -hmac` by the rule on that page. */
  from: 'documented' | 'openssl'
  secret: string
  settings?: object
  url?: string
  headers: Record<string, string>
  body: string
  nowMs: number
  eventId?: string
}

const NOW = 1_700_000_000_000

const VECTORS: readonly Vector[] = [
  {
    preset: 'github',
    from: 'documented',
    secret: "It's a Secret to Everybody",
    headers: {
      'x-github-delivery': 'not-covered-by-the-signature',
      'x-hub-signature-256': 'sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17'
    },
    body: 'Hello, World!',
    nowMs: NOW
  },
  {
    preset: 'slack',
    from: 'documented',
    secret: '8f742231b10e8888abcd99yyyzzz85a5',
    headers: {
      'x-slack-request-timestamp': '1531420618',
      'x-slack-signature': 'v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503'
    },
    body: 'token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c',
    nowMs: 1_531_420_618_000
  },
  {
    preset: 'stripe',
    from: 'openssl',
    secret: 'whsec_test_4f0d8a2e9c71',
    headers: {
      'stripe-signature':
        't=1700000000,v1=ccb5d01949a59d976cee7c4cc4eb2787012b37aeadba9c09656f1c9c31409242,v0=6ffbb59b2300aae63f272406069a9788598b792a944a07aba816edb039989a39'
    },
    body: '{"id":"evt_1NG8Du2eZvKYlo2CUI79vXWy","object":"event","type":"product.updated"}',
    nowMs: NOW,
    eventId: 'evt_1NG8Du2eZvKYlo2CUI79vXWy'
  },
  {
    preset: 'shopify',
    from: 'openssl',
    secret: 'shpss_0123456789abcdef0123456789abcdef',
    headers: {
      'x-shopify-hmac-sha256': '4VL8rZLxwIhQrXFP8QtKGc0vc1uwmLpQB8Pr8477XQM=',
      'x-shopify-webhook-id': 'not-covered-by-the-signature'
    },
    body: '{"id":820982911946154508,"title":"Flat"}',
    nowMs: NOW
  },
  {
    preset: 'hubspot-v3',
    from: 'openssl',
    secret: '5f3b4c1e-27a0-4a3c-9d5a-0d8b1f6e2c11',
    settings: { publicUrl: 'https://hooks.example.com' },
    url: '/webhooks/acme-hubspot?a=1&b=x%3Ay',
    headers: {
      'x-hubspot-request-timestamp': '1700000000123',
      'x-hubspot-signature-v3': 'Wpt0CWeaRS/d6br/LWuXfuwZL4eNoH0YJqEBwHhGb5s='
    },
    body: '[{"eventId":1,"objectId":4711}]',
    nowMs: NOW
  }
]

it('has a vector for every preset', () => {
  expect(VECTORS.map(({ preset }) => preset).toSorted()).toEqual(Object.keys(PRESETS).toSorted())
})

describe.each(VECTORS)('$preset ($from)', ({ preset, secret, settings, eventId, nowMs, ...request }) => {
  const source = sourceOf({ scheme: preset, ...settings }, 'another secret of the source', secret)
  const rule = PRESETS[preset].rule

  it('is accepted, by the secret that made it', () => {
    expect(ask(source, request, nowMs)).toEqual({
      ok: true,
      secretId: 2,
      ...(eventId === undefined ? {} : { eventId })
    })
  })

  it('is refused when the body differs by one byte, or the secret', () => {
    expect(ask(source, { ...request, body: `${request.body} ` }, nowMs)).toMatchObject({
      ok: false,
      code: 'CREDENTIALS_INVALID',
      missing: false
    })
    const other = sourceOf({ scheme: preset, ...settings }, `${secret}x`)
    expect(ask(other, request, nowMs)).toMatchObject({ ok: false, code: 'CREDENTIALS_INVALID' })
  })

  it('is refused when the signature differs in any character, is cut, or has nothing in it', () => {
    const name = rule.header
    const given = request.headers[name] ?? ''
    const start =
      given.indexOf('prefix' in rule ? rule.prefix : '') + ('prefix' in rule ? rule.prefix.length : 0)
    const length = rule.encoding === 'hex' ? 64 : 44
    const withSignature = (signature: string) =>
      ask(
        source,
        { ...request, headers: { ...request.headers, [name]: given.slice(0, start) + signature } },
        nowMs
      )
    const right = given.slice(start, start + length)
    expect(withSignature(right)).toMatchObject({ ok: true })
    for (let at = 0; at < length; at++) {
      const wrong = right.slice(0, at) + (right[at] === '0' ? '1' : '0') + right.slice(at + 1)
      expect(withSignature(wrong).ok).toBe(false)
    }
    for (const wrong of [right.slice(0, -1), `${right}0`, '', 'é'.repeat(length)]) {
      expect(withSignature(wrong).ok).toBe(false)
    }
  })

  it('is missing when its header is not there', () => {
    const { [rule.header]: _, ...headers } = request.headers
    expect(ask(source, { ...request, headers }, nowMs)).toMatchObject({
      code: 'CREDENTIALS_MISSING',
      missing: true
    })
  })

  if (!('toleranceSeconds' in rule)) return

  it('counts for five minutes on both sides', () => {
    const edge = 'timestampUnit' in rule && rule.timestampUnit === 'milliseconds' ? 1_700_000_000_123 : nowMs
    for (const away of [-300_000, 300_000]) expect(ask(source, request, edge + away).ok).toBe(true)
    for (const away of [-301_000, 301_000]) {
      expect(ask(source, request, edge + away)).toMatchObject({
        reason: expect.stringMatching(/too (old|far ahead)/) as string
      })
    }
  })
})

describe('a rotation of Stripe', () => {
  const [, , stripe] = VECTORS
  it('is accepted by whichever of several v1 is right, in any place', () => {
    const given = stripe?.headers['stripe-signature'] ?? ''
    const decoy = `v1=${'0'.repeat(64)}`
    for (const header of [given.replace(',v1=', `,${decoy},v1=`), `${given},${decoy}`, `${decoy},${given}`]) {
      const source = sourceOf({ scheme: 'stripe' }, stripe?.secret ?? '')
      expect(ask(source, { body: stripe?.body ?? '', headers: { 'stripe-signature': header } }, NOW).ok).toBe(
        true
      )
    }
  })
})
