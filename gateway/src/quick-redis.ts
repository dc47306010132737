import type { Redis } from 'ioredis'
import { bounded } from '@sluice/shared/bounded'
import { REDIS_CALL_MS } from '@sluice/shared/cache'
import { createBreaker } from './breaker.ts'

/**
 * Redis on the way of a request: asked with a bound on time, and never in the way. What it cannot say in time counts as
 * not said, and until it answers again only one call every 250 ms finds out.
 */
export interface QuickRedis {
  readonly client: Redis
  /**
   * `undefined` when Redis is away or slow; that is counted under the phase, and what asked goes on: one request, or as
   * many as share the question.
   */
  ask: <T>(
    phase: RedisPhase,
    question: (client: Redis) => Promise<T>,
    requests?: number
  ) => Promise<T | undefined>
}

export type RedisPhase = 'rate_limit' | 'duplicates'

export interface QuickRedisOptions {
  client: Redis
  failedOpen: (phase: RedisPhase, requests: number) => void
  /** What a question may take. */
  timeoutMs?: number
  probeEveryMs?: number
}

const PROBE_EVERY_MS = 250

export const createQuickRedis = ({
  client,
  failedOpen,
  timeoutMs = REDIS_CALL_MS,
  probeEveryMs = PROBE_EVERY_MS
}: QuickRedisOptions): QuickRedis => {
  const breaker = createBreaker({ probeEveryMs })
  return {
    client,
    ask: async (phase, question, requests = 1) => {
      if (client.status === 'ready' && breaker.admit()) {
        try {
          const answer = await bounded(question(client), timeoutMs, 'a question to Redis')
          breaker.answered()
          return answer
        } catch {
          breaker.silent() // `createRedis` logs an outage once
        }
      }
      failedOpen(phase, requests)
      return undefined
    }
  }
}
