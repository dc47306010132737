import { describe, expect, it } from 'vitest'
import { authProblem, resolveAuth, SCHEMES } from './problem.ts'
import { generateSecret, secretProblem } from './secret.ts'

const HMAC = { scheme: 'hmac', algorithm: 'sha256', encoding: 'hex', header: 'X-S', template: '{body}' }
const TIMED = { timestampHeader: 'X-T', timestampUnit: 'seconds', toleranceSeconds: 300 }
const HUBSPOT = { scheme: 'hubspot-v3', publicUrl: 'https://hooks.example.com' }

describe('settings of a source', () => {
  it.each([
    { scheme: 'api-key' },
    { scheme: 'api-key', header: 'X-Acme-Token', query: 'key' },
    { scheme: 'basic', allowFrom: ['10.0.0.0/8', '::1'] },
    HMAC,
    { ...HMAC, ...TIMED, template: 'v0:{timestamp}:{body}' },
    { ...HMAC, template: '{header:x-id}.{body}', eventIdHeader: 'X-Id' },
    { ...HMAC, template: '{method}{url}{body}', publicUrl: 'https://hooks.example.com/in' },
    { scheme: 'github' },
    { scheme: 'stripe', toleranceSeconds: 600 },
    HUBSPOT,
    { scheme: 'standard-webhooks' },
    { scheme: 'reapit' }
  ])('%j is fine', (auth) => {
    expect(authProblem(auth, 1)).toBeUndefined()
  })

  it.each([
    [undefined, /no scheme/],
    ['github', /no scheme/],
    [{ scheme: '' }, /no scheme ""/],
    [{ scheme: 'toString' }, /no scheme "toString"/],
    [{ scheme: 'api-key', secret: 'x' }, /no setting of/],
    [{ scheme: 'api-key', header: 'X Key' }, /header/],
    [{ scheme: 'basic', allowFrom: [] }, /allowFrom/],
    [{ scheme: 'basic', allowFrom: ['10.0.0.0/33'] }, /"10\.0\.0\.0\/33"/],
    [{ scheme: 'basic', allowFrom: ['fe80::1%eth0'] }, /no address/],
    [{ scheme: 'basic', allowFrom: ['hooks.example.com'] }, /no address/],
    [{ ...HMAC, template: 'x' }, /leaves out \{body\}/],
    [{ ...HMAC, template: '{body}{id}' }, /no other braces/],
    [{ ...HMAC, template: '{body' }, /no other braces/],
    [{ ...HMAC, algorithm: 'sha1' }, /algorithm/],
    [{ ...HMAC, ...TIMED }, /go with \{timestamp\}/],
    [{ ...HMAC, template: '{timestamp}{body}' }, /go with \{timestamp\}/],
    [{ ...HMAC, ...TIMED, toleranceSeconds: 0, template: '{timestamp}{body}' }, /toleranceSeconds/],
    [{ ...HMAC, ...TIMED, template: '{timestamp}{body}', timestampPrefix: 't=' }, /separator/],
    [{ ...HMAC, template: '{url}{body}' }, /publicUrl/],
    [{ ...HMAC, publicUrl: 'https://hooks.example.com' }, /publicUrl/],
    [{ ...HMAC, eventIdHeader: 'X-Id' }, /must cover/],
    [{ ...HMAC, template: '{header:x-id}{body}', eventIdHeader: 'X-Id' }, /text must follow/],
    [
      { ...HMAC, template: '{header:x-id}.{body}', eventIdHeader: 'X-Id', eventIdPath: ['id'] },
      /not in both/
    ],
    [{ scheme: 'hubspot-v3' }, /publicUrl/],
    [{ scheme: 'hubspot-v3', publicUrl: 'https://hooks.example.com/' }, /publicUrl/],
    [{ scheme: 'github', toleranceSeconds: 300 }, /go with \{timestamp\}/],
    [{ scheme: 'github', template: 'x' }, /no setting of/]
  ])('%j is refused', (auth, problem) => {
    expect(authProblem(auth, 1)).toMatch(problem)
  })

  it('need a secret, but for API keys', () => {
    for (const scheme of SCHEMES) {
      const auth = scheme === 'hmac' ? HMAC : scheme === 'hubspot-v3' ? HUBSPOT : { scheme }
      expect(authProblem(auth, 1)).toBeUndefined()
      if (scheme === 'api-key') expect(authProblem(auth, 0)).toBeUndefined()
      else expect(authProblem(auth, 0)).toMatch(/needs a secret/)
    }
  })
})

const resolved = (auth: unknown) => {
  const resolution = resolveAuth(auth)
  if (!resolution.ok) throw new Error(resolution.problem)
  return resolution.auth
}

describe('a secret', () => {
  it.each([
    [{ scheme: 'github' }, 'It is a secret'],
    [{ ...HMAC, secretEncoding: 'hex' }, 'ab'.repeat(16)],
    [{ ...HMAC, secretEncoding: 'base64' }, Buffer.alloc(16, 1).toString('base64')],
    [{ scheme: 'basic' }, 'user:correct:horse-16'],
    [{ scheme: 'standard-webhooks' }, 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'],
    [{ scheme: 'standard-webhooks' }, 'whpk_CYMkAN2hee0IFisxrsux9LMBMo4FBxAMHp/QXO4lD6Q='],
    [{ scheme: 'reapit' }, 'ijz3_2n1gmlfhqAa2XH_5uYmcL2L2VHb1IqDbRDLBnU']
  ])('of %j can be like "%s"', (auth, secret) => {
    expect(secretProblem(resolved(auth), secret)).toBeUndefined()
  })

  it.each([
    [{ scheme: 'github' }, '', /empty/],
    [{ scheme: 'github' }, ' \n', /empty/],
    [{ scheme: 'github' }, 'a secret with a line\n', /white space/],
    [{ scheme: 'github' }, 'a secret\nwith two lines', /line break/],
    [{ scheme: 'github' }, 'short', /shorter/],
    [{ scheme: 'github' }, 'x'.repeat(5_000), /longer/],
    [{ ...HMAC, secretEncoding: 'hex' }, 'abcdefgh', /encoding/],
    [{ scheme: 'basic' }, 'password', /user:password/],
    [{ scheme: 'basic' }, 'user:', /user:password/],
    [{ scheme: 'basic' }, 'a-long-user-name:Sommer2026!', /16 characters.*--generate/],
    [{ scheme: 'basic' }, 'user:abcabcabcabcabcabc', /8 different/],
    [{ scheme: 'standard-webhooks' }, 'whsec_', /whsec_/],
    [{ scheme: 'standard-webhooks' }, 'whsec_AAAA', /24 to 64/],
    [{ scheme: 'standard-webhooks' }, `whsk_${'A'.repeat(43)}=`, /private key/],
    [{ scheme: 'standard-webhooks' }, 'whpk_AAAA', /32 bytes/],
    [{ scheme: 'reapit' }, 'AAAA', /32 bytes/],
    [{ scheme: 'api-key' }, 'slk_anything', /keys create/]
  ])('of %j cannot be "%s"', (auth, secret, problem) => {
    expect(secretProblem(resolved(auth), secret)).toMatch(problem)
  })

  it.each([
    { scheme: 'github' },
    { ...HMAC, secretEncoding: 'hex' },
    { ...HMAC, secretEncoding: 'base64' },
    { scheme: 'basic' },
    { scheme: 'standard-webhooks' }
  ])('made for %j can be used, and is another every time', (auth) => {
    const secret = generateSecret(resolved(auth)) ?? ''
    expect(secretProblem(resolved(auth), secret)).toBeUndefined()
    expect(generateSecret(resolved(auth))).not.toBe(secret)
  })
})
