import { createSealing, secretContext, type Sealing } from '@sluice/shared/sealing'
import { createAuthenticate, type Authentication, type AuthSource, type RawRequest } from './index.ts'
import type { Validity } from './validity.ts'

/** A door as the gateway has it, for tests: secrets sealed, the request as Node gives it. */

const requireSealing = (base64: string): Sealing => {
  const sealing = createSealing({ SLUICE_SECRETS_KEY: base64 })
  if (sealing === undefined) throw new Error('no sealing')
  return sealing
}

export const SEALING = requireSealing(Buffer.alloc(32, 7).toString('base64'))

export type GivenSecret = string | ({ secret: string } & Validity)

/** A source with these settings and secrets, whose ids count from 1. */
export const sourceOf = (auth: unknown, ...secrets: readonly GivenSecret[]): AuthSource => ({
  id: 1,
  auth,
  keys: [],
  secrets: secrets.map((given, index) => {
    const { secret, ...validity } = typeof given === 'string' ? { secret: given } : given
    const sealed = SEALING.seal(secret, secretContext(1)).toString('base64')
    return Object.assign(validity, { id: index + 1, sealed })
  })
})

const authenticate = createAuthenticate({ sealing: SEALING })

/** What becomes of a request; a body may be text. */
export const ask = (
  source: AuthSource,
  { body = '', ...request }: Partial<Omit<RawRequest, 'body'>> & { body?: string | Buffer },
  nowMs: number
): Authentication =>
  authenticate(
    {
      method: 'POST',
      url: '/webhooks/acme',
      headers: {},
      address: '192.0.2.1',
      ...request,
      body: Buffer.from(body as string)
    },
    source,
    nowMs
  )
