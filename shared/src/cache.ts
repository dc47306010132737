import { Redis } from 'ioredis'
import { bounded } from './bounded.ts'
import { toError } from './errors.ts'
import type { Logger } from './log.ts'
import { writeOnceATurn } from './one-write.ts'

/**
 * Redis as what it is here: faster, never truer. Every call is bounded and none throws: a cache that is away or slow
 * answers `undefined` and the caller asks Postgres.
 */
export interface Cache {
  /** The JSON value under `key`; `undefined` when absent, expired, unreadable, or Redis is away. */
  get: <T>(key: string) => Promise<T | undefined>
  getMany: <T>(keys: readonly string[]) => Promise<(T | undefined)[]>
  /** Best effort; `ttlSeconds` is required so that nothing stays for ever. */
  set: (key: string, value: unknown, ttlSeconds: number) => Promise<void>
  setMany: (entries: readonly (readonly [key: string, value: unknown])[], ttlSeconds: number) => Promise<void>
  /** As `get`, of one of the values that `setFields` has put under the key. */
  getField: <T>(key: string, field: string) => Promise<T | undefined>
  /** Adds values to those under one key; all of them expire together, `ttlSeconds` after the last was added. */
  setFields: (
    key: string,
    fields: readonly (readonly [field: string, value: unknown])[],
    ttlSeconds: number
  ) => Promise<void>
  del: (...keys: string[]) => Promise<void>
  /** Tells every replica; best effort, so a poll must back it up. */
  publish: (channel: string, message: string) => Promise<void>
  /** Hears what `publish` says, for as long as Redis is there; subscriptions come back by themselves. */
  subscribe: (channel: string, onMessage: (message: string) => void) => Promise<void>
  isUp: () => boolean
  close: () => Promise<void>
}

export interface CacheOptions {
  url: string
  /** Prefix of every key and channel: the house's namespace. */
  namespace: string
  log: Logger
  /** A call that takes longer counts as a miss. */
  timeoutMs?: number
}

/** Who edits a source or one of its keys publishes its slug here; a poll of `sourcesVersion` backs it up. */
export const SOURCES_CHANNEL = 'sources'

/** What a call may take. Not ioredis' own `commandTimeout`: that counts for the handshake of a process just starting too. */
export const REDIS_CALL_MS = 50
/** Without an answer for so long the connection is given up and made again, at the handshake as later. */
const SILENCE_MS = 2_000
const RECONNECT_MAX_MS = 2_000

export const createCache = ({ url, namespace, log, timeoutMs = REDIS_CALL_MS }: CacheOptions): Cache => {
  const key = (name: string): string => `${namespace}:${name}`
  const redis = watched(new Redis(url, OPTIONS), log)
  const orUndefined = async <T>(call: () => Promise<T>): Promise<T | undefined> => {
    try {
      return await bounded(call(), timeoutMs, 'a call to Redis')
    } catch {
      return undefined // away or slow: a miss by contract; `watched` has logged the outage once
    }
  }
  let subscriber: Redis | undefined
  const listeners = new Map<string, (message: string) => void>()

  return {
    get: async <T>(name: string) => parsed<T>(await orUndefined(() => redis.get(key(name)))),
    getMany: async <T>(names: readonly string[]) => {
      if (names.length === 0) return []
      const values = await orUndefined(() => redis.mget(names.map(key)))
      return names.map((_, index) => parsed<T>(values?.[index]))
    },
    set: async (name, value, ttlSeconds) => {
      await orUndefined(() => redis.set(key(name), JSON.stringify(value), 'EX', ttlSeconds))
    },
    setMany: async (entries, ttlSeconds) => {
      if (entries.length === 0) return
      const pipeline = redis.pipeline()
      for (const [name, value] of entries) pipeline.set(key(name), JSON.stringify(value), 'EX', ttlSeconds)
      await orUndefined(() => pipeline.exec())
    },
    getField: async <T>(name: string, field: string) =>
      parsed<T>(await orUndefined(() => redis.hget(key(name), field))),
    setFields: async (name, fields, ttlSeconds) => {
      if (fields.length === 0) return
      const values = fields.flatMap(([field, value]) => [field, JSON.stringify(value)])
      const both = redis
        .multi()
        .hset(key(name), ...values)
        .expire(key(name), ttlSeconds)
      await orUndefined(() => both.exec())
    },
    del: async (...names) => {
      await orUndefined(() => redis.del(names.map(key)))
    },
    publish: async (channel, message) => {
      await orUndefined(() => redis.publish(key(channel), message))
    },
    subscribe: async (channel, onMessage) => {
      listeners.set(key(channel), onMessage)
      if (subscriber === undefined) {
        // A subscriber waits for Redis instead of failing: nobody awaits its commands.
        subscriber = watched(
          new Redis(url, {
            ...OPTIONS,
            enableOfflineQueue: true,
            maxRetriesPerRequest: null
          }),
          log
        )
        subscriber.on('message', (name: string, message: string) => listeners.get(name)?.(message))
      }
      void subscriber.subscribe(key(channel)).catch(() => undefined) // re-issued by ioredis on reconnect
    },
    isUp: () => redis.status === 'ready',
    close: async () => {
      redis.disconnect()
      subscriber?.disconnect()
    }
  }
}

/**
 * A connection for commands a `Cache` has not: they fail at once while Redis is away, and it is for the caller to wait no
 * longer than `REDIS_CALL_MS` for them. Commands of one tick travel together; not by ioredis' own automatic pipelines,
 * each of which waits for a turn of the event loop, and for the answer to the one before.
 */
export const createRedis = ({ url, log }: Pick<CacheOptions, 'url' | 'log'>): Redis => {
  const redis = watched(new Redis(url, OPTIONS), log)
  redis.on('connect', () => writeOnceATurn(redis.stream))
  return redis
}

const OPTIONS = {
  lazyConnect: true,
  enableOfflineQueue: false,
  maxRetriesPerRequest: 0,
  connectTimeout: 2_000,
  socketTimeout: SILENCE_MS,
  retryStrategy: (attempt: number) => Math.min(RECONNECT_MAX_MS, 100 * attempt)
} as const

const parsed = <T>(text: string | null | undefined): T | undefined => {
  if (text === null || text === undefined) return undefined
  try {
    return JSON.parse(text) as T
  } catch {
    return undefined // written by another release: as good as absent
  }
}

/** Connects in the background and logs each outage once, not once a retry. */
const watched = (redis: Redis, log: Logger): Redis => {
  let down = false
  redis.on('error', (error: unknown) => {
    if (!down) log.warn({ err: toError(error) }, 'redis is away, continuing without it')
    down = true
  })
  redis.on('ready', () => {
    if (down) log.info('redis is back')
    down = false
  })
  void redis.connect().catch(() => undefined) // the error listener has it; retryStrategy goes on
  return redis
}
