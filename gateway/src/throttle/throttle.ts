import { normalizeIP } from '@fastify/rate-limit'

/**
 * Slows down who keeps failing to authenticate, by address *and* source: 20 failures at once, then one a second is
 * looked at, the others are answered without the work of verifying them. An address that has lately proved itself to a
 * source is always verified, so forgers behind the same proxy cannot shut a sender out.
 *
 * Memory is bounded: the pairs not heard of for longest are forgotten first, those that failed apart from those that
 * proved themselves, so no flood from many addresses makes us forget a sender.
 */
export interface Throttle {
  /** Seconds to wait; `undefined`: verify it. */
  waitSeconds: (address: string, sourceId: number) => number | undefined
  failed: (address: string, sourceId: number) => void
  succeeded: (address: string, sourceId: number) => void
}

export interface ThrottleOptions {
  now?: () => number
  burst?: number
  maxPairs?: number
}

const BURST = 20
const REFILL_MS = 1_000
/** How long a proof counts. */
const PROVEN_MS = 10 * 60_000
/** How often a proof is renewed: not every request moves the map. */
const RENEW_MS = 60_000
/** About 3 MB a map when full. */
const MAX_PAIRS = 20_000
/** Whoever has one IPv6 address has its whole network of 2^64. */
const IPV6_SUBNET = 64

interface Bucket {
  tokens: number
  at: number
}

export const createThrottle = ({
  now = Date.now,
  burst = BURST,
  maxPairs = MAX_PAIRS
}: ThrottleOptions = {}): Throttle => {
  const failing = new Map<string, Bucket>()
  const proven = new Map<string, number>()

  const refilled = (key: string): Bucket | undefined => {
    const bucket = failing.get(key)
    if (bucket === undefined) return undefined
    const tokens = bucket.tokens + (now() - bucket.at) / REFILL_MS
    return { tokens: Math.min(burst, tokens), at: now() }
  }

  return {
    waitSeconds: (address, sourceId) => {
      const key = pairOf(address, sourceId)
      const bucket = refilled(key)
      if (bucket === undefined || bucket.tokens >= 1) return undefined
      if (now() - (proven.get(key) ?? -Infinity) < PROVEN_MS) return undefined
      return Math.ceil(((1 - bucket.tokens) * REFILL_MS) / 1000)
    },
    failed: (address, sourceId) => {
      const key = pairOf(address, sourceId)
      const bucket = refilled(key) ?? { tokens: burst, at: now() }
      remember(failing, key, { ...bucket, tokens: Math.max(0, bucket.tokens - 1) }, maxPairs)
    },
    succeeded: (address, sourceId) => {
      const key = pairOf(address, sourceId)
      if (now() - (proven.get(key) ?? -Infinity) >= RENEW_MS) remember(proven, key, now(), maxPairs)
    }
  }
}

const pairOf = (address: string, sourceId: number): string =>
  `${sourceId} ${normalizeIP(address, IPV6_SUBNET)}`

/** Puts it last, and forgets the first when there are too many. */
const remember = <T>(map: Map<string, T>, key: string, value: T, limit: number): void => {
  map.delete(key)
  const [oldest] = map.size >= limit ? map.keys() : []
  if (oldest !== undefined) map.delete(oldest)
  map.set(key, value)
}
