import type { KeyObject } from 'node:crypto'
import { publicKeyBytes, type Challenge, type ReapitAuth } from '@sluice/shared/auth'
import { isSignedByEd25519, toEd25519Key } from './ed25519.ts'
import { headerOf } from './headers.ts'
import { refused, type Scheme } from './scheme.ts'
import { challengeReply, eventIdIn } from './signed-body.ts'
import { timestampProblem } from './timestamp.ts'

/** Signed once "as each event is prepared", and tried six times over 33 minutes. */
const TOLERANCE_SECONDS = 3_600
const SIGNATURE = /^s:[^:]{1,64}:(\d{10}):([A-Za-z0-9_-]{86})$/
/** The portal's ping. */
const PING: Challenge = { when: { customerId: 'webhook-test' } }
/** Several notifications share one `eventId`; `entityId` is unique only with `customerId`. */
const IDENTITY = ['eventId', 'topicId', 'customerId', 'entityId']

/**
 * Reapit Foundations: `X-Signature: s:keyId:timestamp:signature`, Ed25519 over the timestamp and the body with nothing
 * between. https://foundations-documentation.reapit.cloud/api/webhooks
 */
export const createReapitScheme = ({
  toleranceSeconds = TOLERANCE_SECONDS
}: ReapitAuth): Scheme<KeyObject> => ({
  toKey: (secret) => {
    const bytes = publicKeyBytes(secret)
    if (bytes === undefined) throw new Error('the secret is not a public key of Ed25519')
    return toEd25519Key(bytes)
  },
  read: ({ headers, body }, nowMs) => {
    const given = headerOf(headers, 'x-signature')
    if (given === undefined) return refused('CREDENTIALS_MISSING', 'missing')
    const [, timestamp = '', signature = ''] = SIGNATURE.exec(given) ?? []
    if (signature === '') return refused('CREDENTIALS_INVALID', 'no signature of the agreed form')
    const problem = timestampProblem(timestamp, { unit: 'seconds', toleranceSeconds }, nowMs)
    if (problem !== undefined) return refused('CREDENTIALS_INVALID', problem)
    const content = Buffer.concat([Buffer.from(timestamp, 'latin1'), body])
    return {
      ok: true,
      isMadeWith: (key) => isSignedByEd25519(key, content, signature, 'base64url'),
      eventId: () => identityOf(body),
      challenge: () => challengeReply(body, PING)
    }
  }
})

const identityOf = (body: Buffer): string | undefined => {
  const ids = IDENTITY.map((field) => eventIdIn(body, [field]))
  return ids[0] === undefined ? undefined : JSON.stringify(ids.map((id) => id ?? null))
}
