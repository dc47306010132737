import type { FastifyReply, FastifyRequest } from 'fastify'
import { addressOf } from './address.ts'
import { toAuthRefusal, type Authenticate, type Authenticated } from './auth/index.ts'
import { Refusal } from './errors.ts'
import type { KeyUsage } from './key-usage.ts'
import type { Metrics } from './metrics/metrics.ts'
import type { LimitRate } from './rate-limit/rate-limit.ts'
import './request-facts.ts'
import type { Source } from './source-store.ts'
import type { Sources } from './sources.ts'
import type { Throttle } from './throttle/throttle.ts'

/** A request of a sender the source knows. */
export interface Admitted {
  source: Source
  authentication: Authenticated
}

/** What a request to a door of a source must be before anything is made of it. */
export type DoorRequest = FastifyRequest<DoorRoute>

/** One of the addresses of a source: `/webhooks/:source…`. */
export interface DoorRoute {
  Params: { source: string }
  Body: Buffer | undefined
}

/**
 * Who may come in: source → sender, over the bytes as they came → quota of the source. Every request is verified, however
 * many failed before it, so forgers cost a sender behind the same address nothing, and never the quota of those who may
 * send. Failures are throttled: too many from one address, and it is told nothing but to wait.
 * @throws Refusal
 */
export interface Admit {
  (request: DoorRequest, reply: FastifyReply): Promise<Admitted>
  /** Who sends, to which source: the first half, for who has more to ask while the quota is counted. */
  identify: (request: DoorRequest) => Promise<Admitted>
  /** Counts the request of a sender who is known; the second half. */
  limit: (request: DoorRequest, reply: FastifyReply, source: Source) => Promise<void>
}

export interface AdmitDeps {
  sources: Pick<Sources, 'find'>
  throttle: Throttle
  authenticate: Authenticate
  keyUsage: Pick<KeyUsage, 'note'>
  secretUsage: Pick<KeyUsage, 'note'>
  limitRate: LimitRate
  metrics: Pick<Metrics, 'timed' | 'timedAsync'>
}

export const createAdmit = ({ sources, limitRate, metrics, ...deps }: AdmitDeps): Admit => {
  const { throttle, authenticate, keyUsage, secretUsage } = deps

  const know = (request: DoorRequest, source: Source): Authenticated => {
    const { method, url, headers, facts } = request
    const address = addressOf(request)
    const body = request.body ?? NOTHING
    const authentication = authenticate({ method, url, headers, body, address }, source, Date.now())
    if (!authentication.ok) {
      facts.authentication = authentication.reason
      if (authentication.code === 'SOURCE_MISCONFIGURED') throw toAuthRefusal(authentication)
      const waitSeconds = throttle.failed(address, source.id)
      throw waitSeconds === undefined ? toAuthRefusal(authentication) : tooManyFailures(waitSeconds)
    }
    const { keyId, secretId } = authentication
    if (keyId !== undefined) {
      facts.keyId = keyId
      keyUsage.note(keyId)
    }
    if (secretId !== undefined) {
      facts.secretId = secretId
      secretUsage.note(secretId)
    }
    return authentication
  }

  const identify: Admit['identify'] = async (request) => {
    const { source: slug } = request.params
    const source = toDoor(SLUG.test(slug) ? await sources.find(slug) : undefined)
    request.facts.source = source.slug
    return { source, authentication: metrics.timed('auth', () => know(request, source)) }
  }

  const limit: Admit['limit'] = async (request, reply, source) => {
    if (source.rateLimit === undefined) return
    await metrics.timedAsync('rate_limit', () => limitRate(request, reply, source))
  }

  const admit = async (request: DoorRequest, reply: FastifyReply): Promise<Admitted> => {
    const admitted = await identify(request)
    await limit(request, reply, admitted.source)
    return admitted
  }
  return Object.assign(admit, { identify, limit })
}

const NOTHING = Buffer.alloc(0)
const SLUG = /^[a-z0-9][a-z0-9-]{0,62}$/

/** The source, if it is one that can be sent to. */
const toDoor = (source: Source | undefined): Source => {
  if (source === undefined) {
    throw new Refusal('SOURCE_UNKNOWN', 'There is no source of this name; check the address you were given.')
  }
  // A feed has no door: there is no resource here to which another method could be sent, hence 404 and not 405.
  if (source.kind === 'feed') {
    throw new Refusal(
      'SOURCE_IS_FEED',
      'This source is a feed, which we fetch. Ask for a webhook source to send to.'
    )
  }
  return source
}

const tooManyFailures = (retryAfterSeconds: number): Refusal =>
  new Refusal(
    'FAILURES_TOO_MANY',
    'Too many requests from your address to this source had no valid credentials. Mend them, wait, and send again.',
    { retryAfterSeconds }
  )
