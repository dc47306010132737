import { authProblem, resolveAuth, type ResolvedAuth } from '@sluice/shared/auth'
import { secretContext, type Sealing } from '@sluice/shared/sealing'
import { createAllowList } from './allow-list.ts'
import { authenticateByApiKey, type CachedKey } from './api-key.ts'
import { basicScheme } from './basic.ts'
import { createHmacScheme } from './hmac.ts'
import { createReapitScheme } from './reapit.ts'
import { refused, type Authentication, type RawRequest, type Scheme } from './scheme.ts'
import { createStandardWebhooksScheme } from './standard-webhooks.ts'
import { invalidity, type Validity } from './validity.ts'

export type { CachedKey } from './api-key.ts'
export { toAuthRefusal } from './refuse.ts'
export type { Authenticated, Authentication, RawRequest } from './scheme.ts'

/** A secret of a source as it is cached: sealed, in base64. It is open nowhere but in the memory of this process. */
export interface CachedSecret extends Validity {
  id: number
  sealed: string
}

/** What of a source its senders are known by. */
export interface AuthSource {
  id: number
  auth: unknown
  keys: readonly CachedKey[]
  secrets: readonly CachedSecret[]
}

/**
 * Whether a request comes from a sender of the source, over the bytes as they came. Closed in doubt: settings that
 * cannot be understood, no secret, or one that cannot be opened is `SOURCE_MISCONFIGURED`, never an open door.
 */
export type Authenticate = (request: RawRequest, source: AuthSource, nowMs: number) => Authentication

type Door = (request: RawRequest, nowMs: number) => Authentication

/** @param sealing absent without a master key: then only sources with API keys can be answered for */
export const createAuthenticate = ({ sealing }: { sealing: Sealing | undefined }): Authenticate => {
  // A source is made ready once and forgotten with its copy in the cache: an edit or a new secret is a new copy.
  const doors = new WeakMap<AuthSource, Door>()
  return (request, source, nowMs) => {
    let door = doors.get(source)
    if (door === undefined) {
      door = createDoor(source, sealing)
      doors.set(source, door)
    }
    return door(request, nowMs)
  }
}

const createDoor = (source: AuthSource, sealing: Sealing | undefined): Door => {
  const resolution = resolveAuth(source.auth)
  const problem = resolution.ok ? authProblem(source.auth, source.secrets.length) : resolution.problem
  if (!resolution.ok || problem !== undefined) return misconfigured(problem ?? 'the settings cannot be used')
  const { auth } = resolution
  const inner = createInnerDoor(auth, source, sealing)
  if (auth.allowFrom === undefined) return inner
  const isAllowed = createAllowList(auth.allowFrom)
  return (request, nowMs) =>
    isAllowed(request.address)
      ? inner(request, nowMs)
      : refused('ADDRESS_FORBIDDEN', 'the address is not allowed')
}

const createInnerDoor = (auth: ResolvedAuth, source: AuthSource, sealing: Sealing | undefined): Door => {
  switch (auth.scheme) {
    case 'api-key':
      return (request, nowMs) => authenticateByApiKey(request, auth, source.keys, nowMs)
    case 'basic':
      return withSecrets(basicScheme, source, sealing)
    case 'hmac':
      return withSecrets(createHmacScheme(auth), source, sealing)
    case 'standard-webhooks':
      return withSecrets(createStandardWebhooksScheme(auth), source, sealing)
    case 'reapit':
      return withSecrets(createReapitScheme(auth), source, sealing)
  }
}

/** A scheme with the secrets of a source. Every secret is tried, whatever the others gave. */
const withSecrets = <Key>(scheme: Scheme<Key>, source: AuthSource, sealing: Sealing | undefined): Door => {
  if (sealing === undefined) return misconfigured('there is no master key to open secrets with')
  const opened: { secret: CachedSecret; key: Key }[] = []
  const shut: CachedSecret[] = []
  for (const secret of source.secrets) {
    if (secret.revokedAt !== undefined) continue
    try {
      opened.push({
        secret,
        key: scheme.toKey(sealing.open(Buffer.from(secret.sealed, 'base64'), secretContext(source.id)))
      })
    } catch {
      shut.push(secret)
    }
  }
  const unknown = refused('CREDENTIALS_INVALID', opened.length === 0 ? 'every secret is revoked' : 'no match')
  // A sender whose secret we cannot read may well be right: what does not match is then our fault, not its.
  const unreadable = refused('SOURCE_MISCONFIGURED', 'a secret cannot be opened, and no other matches')

  return (request, nowMs) => {
    const claim = scheme.read(request, nowMs)
    if (!claim.ok) return claim
    const matches = opened.filter(({ key }) => claim.isMadeWith(key)).map(({ secret }) => secret)
    const valid = matches.find((secret) => invalidity(secret, nowMs) === undefined)
    if (valid === undefined) {
      const [match] = matches
      if (match === undefined) {
        return shut.some((secret) => invalidity(secret, nowMs) === undefined) ? unreadable : unknown
      }
      return refused('CREDENTIALS_INVALID', invalidity(match, nowMs) ?? 'no match')
    }
    const eventId = claim.eventId?.()
    const challenge = claim.challenge?.()
    return {
      ok: true,
      secretId: valid.id,
      ...(eventId === undefined ? {} : { eventId }),
      ...(challenge === undefined ? {} : { challenge })
    }
  }
}

const misconfigured = (reason: string): Door => {
  const answer = refused('SOURCE_MISCONFIGURED', reason)
  return () => answer
}
