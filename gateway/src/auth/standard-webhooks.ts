import { createHmac, createSecretKey, type KeyObject } from 'node:crypto'
import { standardWebhooksKey, type StandardWebhooksAuth } from '@sluice/shared/auth'
import { isSameDigest } from '@sluice/shared/keys'
import { isSignedByEd25519, toEd25519Key } from './ed25519.ts'
import { headerOf } from './headers.ts'
import { refused, type Scheme } from './scheme.ts'
import { MAX_EVENT_ID_LENGTH } from './signed-body.ts'
import { timestampProblem } from './timestamp.ts'

export interface StandardWebhooksKey {
  kind: 'symmetric' | 'public'
  key: KeyObject
}

/** As every reference library has it. */
const TOLERANCE_SECONDS = 300
/** Two keys of a rotation and as many to spare: a header full of signatures must not buy milliseconds of our time. */
const MAX_PUBLIC_KEY_SIGNATURES = 4

/**
 * Standard Webhooks 1.0.0, https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
 * Both `v1` (HMAC-SHA256, `whsec_…`) and `v1a` (Ed25519, `whpk_…`); any one match is enough, unknown versions are
 * ignored. An id may not hold a dot: it would move the border to the timestamp.
 */
export const createStandardWebhooksScheme = ({
  toleranceSeconds = TOLERANCE_SECONDS
}: StandardWebhooksAuth): Scheme<StandardWebhooksKey> => ({
  toKey: (secret) => {
    const key = standardWebhooksKey(secret)
    if (key === undefined || key.bytes.length === 0)
      throw new Error('the secret is not one of Standard Webhooks')
    return key.kind === 'public'
      ? { kind: 'public', key: toEd25519Key(key.bytes) }
      : { kind: 'symmetric', key: createSecretKey(key.bytes) }
  },
  read: ({ headers, body }, nowMs) => {
    const id = headerOf(headers, 'webhook-id')
    const timestamp = headerOf(headers, 'webhook-timestamp')
    const signature = headerOf(headers, 'webhook-signature')
    if (signature === undefined) return refused('CREDENTIALS_MISSING', 'missing')
    if (id === undefined) return refused('CREDENTIALS_INVALID', 'no webhook-id')
    if (id.includes('.') || id.length > MAX_EVENT_ID_LENGTH) {
      return refused('CREDENTIALS_INVALID', 'the webhook-id holds a dot or is too long')
    }
    const problem = timestampProblem(timestamp, { unit: 'seconds', toleranceSeconds }, nowMs)
    if (problem !== undefined) return refused('CREDENTIALS_INVALID', problem)
    const start = Buffer.from(`${id}.${timestamp}.`, 'latin1')
    const v1 = signaturesOf(signature, 'v1,')
    const v1a = signaturesOf(signature, 'v1a,').slice(0, MAX_PUBLIC_KEY_SIGNATURES)
    return {
      ok: true,
      isMadeWith: (key) =>
        key.kind === 'symmetric'
          ? v1.length > 0 &&
            isAnyOf(v1, createHmac('sha256', key.key).update(start).update(body).digest('base64'))
          : isSignedByAny(v1a, key.key, start, body),
      eventId: () => id
    }
  }
})

const signaturesOf = (header: string, version: 'v1,' | 'v1a,'): readonly string[] =>
  header
    .split(' ')
    .filter((part) => part.startsWith(version))
    .map((part) => part.slice(version.length))

const isAnyOf = (signatures: readonly string[], expected: string): boolean => {
  let isMatch = false
  for (const signature of signatures) if (isSameDigest(expected, signature)) isMatch = true
  return isMatch
}

const isSignedByAny = (
  signatures: readonly string[],
  key: KeyObject,
  start: Buffer,
  body: Buffer
): boolean => {
  if (signatures.length === 0) return false
  const content = Buffer.concat([start, body])
  return signatures.some((signature) => isSignedByEd25519(key, content, signature, 'base64'))
}
