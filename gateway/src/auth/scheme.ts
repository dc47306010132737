import type { IncomingHttpHeaders } from 'node:http'

/** A request as it came, before anybody has made sense of it: what a signature is about. */
export interface RawRequest {
  method: string
  /** As received: path and query. */
  url: string
  headers: IncomingHttpHeaders
  body: Buffer
  /** Of the caller, behind the proxies we trust. */
  address: string
}

/** What a vendor's "are you there?" wants to hear, sent instead of taking records. */
export interface ChallengeReply {
  status: number
  contentType: string
  body: string
}

export interface Authenticated {
  ok: true
  /** Of `api_keys`. */
  keyId?: number
  /** Of `source_secrets`. */
  secretId?: number
  /** Only if the signature covers it: nobody can make another delivery look like a copy of this one. */
  eventId?: string
  challenge?: ChallengeReply
}

/** The refusal a failed authentication is answered with. */
export type AuthenticationCode =
  | 'API_KEY_MISSING'
  | 'API_KEY_INVALID'
  | 'CREDENTIALS_MISSING'
  | 'CREDENTIALS_INVALID'
  | 'ADDRESS_FORBIDDEN'
  | 'SOURCE_MISCONFIGURED'

export interface NotAuthenticated {
  ok: false
  code: AuthenticationCode
  /** For our log; the sender is told less. */
  reason: string
  /** Nothing was shown at all. */
  missing: boolean
  /** Where a key is looked for first; goes with `API_KEY_MISSING`. */
  header?: string
}

export type Authentication = Authenticated | NotAuthenticated

export const refused = (code: AuthenticationCode, reason: string): NotAuthenticated => ({
  ok: false,
  code,
  reason,
  missing: code === 'API_KEY_MISSING' || code === 'CREDENTIALS_MISSING'
})

/** One scheme with the settings of one source: what a request must show, and whether a secret made it. */
export interface Scheme<Key> {
  /** @throws when the secret is not of this scheme */
  toKey: (secret: string) => Key
  /** What the request shows, or why that is not enough whatever the secret. */
  read: (request: RawRequest, nowMs: number) => Claim<Key> | NotAuthenticated
}

export interface Claim<Key> {
  ok: true
  /** Compares in constant time. */
  isMadeWith: (key: Key) => boolean
  /** Asked once a secret has made it: only then is what the request says worth reading. */
  eventId?: () => string | undefined
  challenge?: () => ChallengeReply | undefined
}
