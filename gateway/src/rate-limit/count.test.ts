import { describe, expect, it } from 'vitest'
import type { Redis } from 'ioredis'
import type { QuickRedis } from '../quick-redis.ts'
import { createCount } from './count.ts'

/** What the script of `createCount` does, in memory. */
const counting = () => {
  const counted = new Map<string, number>()
  const calls: number[] = []
  const client = {
    eval: async (_script: string, size: number, ...parts: (string | number)[]) => {
      calls.push(size)
      return parts.slice(0, size).map((part, place) => {
        const current = (counted.get(String(part)) ?? 0) + Number(parts[size + 1 + place])
        counted.set(String(part), current)
        return [current, 30_000]
      })
    }
  }
  const ask: QuickRedis['ask'] = (_phase, question) => question(client as unknown as Redis)
  return { ask, calls }
}

describe('counting requests', () => {
  it('takes one call for all of a turn, and tells each its own place', async () => {
    const redis = counting()
    const count = createCount(redis, 60_000)
    const counts = await Promise.all(['a', 'b', 'a', 'a'].map(count))
    expect(counts.map((one) => one?.current)).toEqual([1, 1, 2, 3])
    expect(await count('a')).toEqual({ current: 4, ttl: 30_000 })
    expect(redis.calls).toEqual([2, 1])
  })

  it('says so when Redis did not say', async () => {
    const count = createCount({ ask: async () => undefined }, 60_000)
    expect(await Promise.all(['a', 'b'].map(count))).toEqual([undefined, undefined])
  })
})
