import { randomBytes } from 'node:crypto'
import type { ResolvedAuth } from './problem.ts'

/** What a secret of a scheme must look like, said before it is stored. Nothing here repeats a secret. */

const GENERATED_BYTES = 32
/** A shorter one can be guessed from one captured request. */
const MIN_HMAC_BYTES = 8
/**
 * Every request is verified, so a password may be guessed as often as the gateway answers: at 5,000 a second, 16
 * lower-case letters stand for 10^11 years, while eight stand for one.
 */
const MIN_PASSWORD_LENGTH = 16
const MIN_PASSWORD_VARIETY = 8
const MAX_SECRET_BYTES = 4_096
const ED25519_KEY_BYTES = 32
/** https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md */
const STANDARD_MIN_BYTES = 24
const STANDARD_MAX_BYTES = 64

const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/
const BASE64URL = /^[A-Za-z0-9_-]+={0,2}$/
const HEX = /^(?:[0-9a-f]{2})+$/i

/** Bytes of strict base64, padded or not; `undefined` when it is not that. */
const fromBase64 = (text: string): Buffer | undefined => {
  if (!BASE64.test(text)) return undefined
  const bytes = Buffer.from(text, 'base64')
  return bytes.toString('base64').replace(/=+$/, '') === text.replace(/=+$/, '') ? bytes : undefined
}

/** Bytes of an Ed25519 public key in base64 or base64url; `undefined` when it is not 32 bytes. */
export const publicKeyBytes = (text: string): Buffer | undefined => {
  const bytes = BASE64URL.test(text) ? Buffer.from(text, 'base64url') : fromBase64(text)
  return bytes?.length === ED25519_KEY_BYTES ? bytes : undefined
}

/** The bytes an HMAC is keyed with; `undefined` when the secret is not written as its encoding says. */
export const hmacKeyBytes = (
  secret: string,
  encoding: 'text' | 'hex' | 'base64' = 'text'
): Buffer | undefined => {
  if (encoding === 'text') return Buffer.from(secret, 'utf8')
  if (encoding === 'base64') return fromBase64(secret)
  return HEX.test(secret) ? Buffer.from(secret, 'hex') : undefined
}

/** A secret of Standard Webhooks, `whsec_…` (or without that), or a public key, `whpk_…`. */
export const standardWebhooksKey = (
  secret: string
): { kind: 'symmetric' | 'public'; bytes: Buffer } | undefined => {
  if (secret.startsWith('whpk_')) {
    const bytes = publicKeyBytes(secret.slice('whpk_'.length))
    return bytes === undefined ? undefined : { kind: 'public', bytes }
  }
  const bytes = fromBase64(secret.replace(/^whsec_/, ''))
  return bytes === undefined ? undefined : { kind: 'symmetric', bytes }
}

/** Why a secret cannot be used with a scheme; `undefined` when it can. Never quotes it. */
export const secretProblem = (auth: ResolvedAuth, secret: string): string | undefined => {
  if (secret.trim() === '') return 'the secret is empty'
  if (secret.trim() !== secret) return 'the secret begins or ends with white space'
  if (/\p{Cc}/u.test(secret)) return 'the secret holds a line break or another control character'
  if (Buffer.byteLength(secret) > MAX_SECRET_BYTES)
    return `the secret is longer than ${MAX_SECRET_BYTES} bytes`
  return CHECKS[auth.scheme](secret, auth)
}

type Check = (secret: string, auth: ResolvedAuth) => string | undefined

const CHECKS: Readonly<Record<ResolvedAuth['scheme'], Check>> = {
  'api-key': () => 'this source takes API keys, not secrets: sluice keys create',
  basic: (secret) => {
    const [, password] = /^[^:]+:(.+)$/.exec(secret) ?? []
    return password === undefined ? 'the secret must be user:password' : passwordProblem(password)
  },
  hmac: (secret, auth) => {
    const bytes = hmacKeyBytes(secret, auth.scheme === 'hmac' ? auth.secretEncoding : undefined)
    if (bytes === undefined) return 'the secret is not written in the encoding the source says'
    return bytes.length < MIN_HMAC_BYTES ? `the secret is shorter than ${MIN_HMAC_BYTES} bytes` : undefined
  },
  'standard-webhooks': (secret) => {
    if (secret.startsWith('whsk_')) return 'this is a private key (whsk_); ask for the public one (whpk_)'
    const key = standardWebhooksKey(secret)
    if (key === undefined)
      return 'the secret must be whsec_ and base64, or whpk_ and a public key of 32 bytes'
    const { length } = key.bytes
    return key.kind === 'symmetric' && (length < STANDARD_MIN_BYTES || length > STANDARD_MAX_BYTES)
      ? `the secret must be ${STANDARD_MIN_BYTES} to ${STANDARD_MAX_BYTES} bytes in base64`
      : undefined
  },
  reapit: (secret) =>
    publicKeyBytes(secret) === undefined
      ? "the secret must be the app's public key, 32 bytes in base64url, as the developer portal shows it"
      : undefined
}

const passwordProblem = (password: string): string | undefined =>
  password.length < MIN_PASSWORD_LENGTH || new Set(password).size < MIN_PASSWORD_VARIETY
    ? `the password must have ${MIN_PASSWORD_LENGTH} characters, ${MIN_PASSWORD_VARIETY} different ones, because it can be guessed; --generate makes one`
    : undefined

/** A new secret for schemes where we may choose it; `undefined` where only the vendor can. */
export const generateSecret = (auth: ResolvedAuth): string | undefined => {
  const bytes = randomBytes(GENERATED_BYTES)
  switch (auth.scheme) {
    case 'basic':
      return `sluice:${bytes.toString('base64url')}`
    case 'hmac':
      return bytes.toString(
        auth.secretEncoding === undefined || auth.secretEncoding === 'text'
          ? 'base64url'
          : auth.secretEncoding
      )
    case 'standard-webhooks':
      return `whsec_${bytes.toString('base64')}`
    case 'api-key':
    case 'reapit':
      return undefined
  }
}
