import { createCache as createRealCache, type Cache, type CacheOptions } from '../../../shared/src/cache.ts'
import { DependencyError } from '../../../shared/src/errors.ts'

export * from '../../../shared/src/cache.ts'

/** As the real one, but who asks while Redis is away is refused, and who asks while it is slow waits. */
export const createCache = (options: CacheOptions): Cache => {
  const cache = createRealCache({ ...options, timeoutMs: 60_000 })
  const orThrow = (): void => {
    if (!cache.isUp()) throw new DependencyError('redis', 'REDIS_AWAY', 'Redis is away')
  }
  return {
    ...cache,
    get: async (key) => {
      orThrow()
      return await cache.get(key)
    },
    getMany: async (keys) => {
      orThrow()
      return await cache.getMany(keys)
    },
    setMany: async (entries, ttlSeconds) => {
      orThrow()
      await cache.setMany(entries, ttlSeconds)
    }
  }
}
