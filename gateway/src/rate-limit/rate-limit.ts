import rateLimit, { type FastifyRateLimitStore } from '@fastify/rate-limit'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { Refusal } from '../errors.ts'
import type { QuickRedis } from '../quick-redis.ts'
import { createCount, type Count, type CountRequest } from './count.ts'

/**
 * How many requests a minute a source may send, counted on Redis for all replicas together. To be asked once the sender
 * is known: a forgery costs nobody's quota. Without Redis nobody is limited.
 * @throws Refusal RATE_LIMITED
 */
export type LimitRate = (
  request: FastifyRequest,
  reply: FastifyReply,
  source: { id: number; rateLimit?: number | undefined }
) => Promise<void>

const WINDOW_MS = 60_000

declare module 'fastify' {
  interface FastifyRequest {
    /** What the limiter counts by; set right before it is asked. */
    quota: { key: string; max: number } | undefined
  }
}

/** What the limiter takes for a store: it makes one itself, and hears of what was not counted as of an error. */
const storeOf = (countRequest: CountRequest) => {
  return class implements FastifyRateLimitStore {
    incr(key: string, callback: Parameters<FastifyRateLimitStore['incr']>[1]): void {
      const answer = (counted: Count | undefined): void => {
        if (counted === undefined) callback(NOT_COUNTED)
        else callback(null, counted)
      }
      countRequest(key).then(answer, callback)
    }

    child(): FastifyRateLimitStore {
      return this
    }
  }
}

const NOT_COUNTED = new Error('Redis did not say in time how many requests there were')

const notCounted = (thrown: unknown): undefined => {
  if (thrown !== NOT_COUNTED) throw thrown
}

export interface RateLimitOptions {
  redis: Pick<QuickRedis, 'ask'>
  /** Prefix of every key. */
  namespace: string
}

/** To be registered before the routes that use it. */
export const createRateLimit = async (
  app: FastifyInstance,
  { redis, namespace }: RateLimitOptions
): Promise<LimitRate> => {
  app.decorateRequest('quota')
  await app.register(rateLimit, {
    global: false,
    store: storeOf(createCount(redis, WINDOW_MS)),
    timeWindow: WINDOW_MS,
    max: (request) => request.quota?.max ?? 0,
    keyGenerator: (request) => `${namespace}:rate:${request.quota?.key ?? ''}`
  })
  const count = app.createRateLimit()

  return async (request, reply, { id, rateLimit: max }) => {
    if (max === undefined) return
    request.quota = { key: String(id), max }
    const quota = await count(request).catch(notCounted)
    if (quota === undefined || quota.isAllowed) return
    const { remaining, ttlInSeconds, isExceeded } = quota
    reply.headers({
      'ratelimit-limit': max,
      'ratelimit-remaining': remaining,
      'ratelimit-reset': ttlInSeconds
    })
    if (!isExceeded) return
    throw new Refusal(
      'RATE_LIMITED',
      `This source may send ${max} requests a minute. Send several records in one request, or wait.`,
      { retryAfterSeconds: Math.max(1, ttlInSeconds) }
    )
  }
}
