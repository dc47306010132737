import { normalizeIP } from '@fastify/rate-limit'

/**
 * Slows down who keeps failing to authenticate, by address *and* source: 20 failures at once, then one a second is told
 * why, the others that they are too many. It is asked after a failure only. Every request is verified first, so whoever
 * is right comes in, whoever fails behind the same address.
 *
 * Memory is bounded: the pairs not heard of for longest are forgotten first, and then start anew.
 */
export interface Throttle {
  /** Counts a failure. @returns seconds to wait when there were too many */
  failed: (address: string, sourceId: number) => number | undefined
}

export interface ThrottleOptions {
  now?: () => number
  burst?: number
  maxPairs?: number
}

const BURST = 20
const REFILL_MS = 1_000
/** About 3 MB when full. */
const MAX_PAIRS = 20_000
/** Whoever has one IPv6 address has its whole network of 2^64. */
const IPV6_SUBNET = 64

/** Failures still borne, and when that was so. */
interface Bucket {
  tokens: number
  at: number
}

export const createThrottle = ({
  now = Date.now,
  burst = BURST,
  maxPairs = MAX_PAIRS
}: ThrottleOptions = {}): Throttle => {
  const buckets = new Map<string, Bucket>()

  return {
    failed: (address, sourceId) => {
      const key = `${sourceId} ${normalizeIP(address, IPV6_SUBNET)}`
      const at = now()
      const bucket = buckets.get(key)
      const tokens =
        bucket === undefined ? burst : Math.min(burst, bucket.tokens + (at - bucket.at) / REFILL_MS)
      buckets.delete(key) // and last again
      const [oldest] = buckets.size >= maxPairs ? buckets.keys() : []
      if (oldest !== undefined) buckets.delete(oldest)
      const isBorne = tokens >= 1
      buckets.set(key, { tokens: isBorne ? tokens - 1 : tokens, at })
      return isBorne ? undefined : Math.ceil(((1 - tokens) * REFILL_MS) / 1000)
    }
  }
}
