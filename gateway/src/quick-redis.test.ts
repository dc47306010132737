import type { Redis } from 'ioredis'
import { expect, it } from 'vitest'
import { createQuickRedis } from './quick-redis.ts'

const world = (status = 'ready') => {
  const failed: string[] = []
  const client = { status } as Redis
  const redis = createQuickRedis({ client, failedOpen: (phase) => failed.push(phase), probeEveryMs: 20 })
  return { redis, failed }
}

it('passes on what Redis says', async () => {
  const { redis, failed } = world()
  expect(await redis.ask('duplicates', async () => 'first')).toBe('first')
  expect(await redis.ask('duplicates', async () => null)).toBeNull()
  expect(failed).toEqual([])
})

it('asks nothing while Redis is away', async () => {
  const { redis, failed } = world('reconnecting')
  expect(await redis.ask('rate_limit', async () => expect.fail('asked'))).toBeUndefined()
  expect(failed).toEqual(['rate_limit'])
})

it('costs one slow call a while, not one a request, and asks again when Redis answers', async () => {
  const { redis, failed } = world()
  let asked = 0
  const slow = async (): Promise<never> => {
    asked++
    throw new Error('Command timed out')
  }
  for (let n = 0; n < 100; n++) expect(await redis.ask('rate_limit', slow)).toBeUndefined()
  expect(asked).toBeLessThan(20)
  expect(failed).toHaveLength(100)
  await expect.poll(() => redis.ask('rate_limit', async () => 1)).toBe(1)
  expect(await redis.ask('rate_limit', async () => 2)).toBe(2)
})

it('waits no longer than it may for an answer', async () => {
  const { redis, failed } = world()
  const startedAt = performance.now()
  expect(await redis.ask('duplicates', () => new Promise<never>(() => undefined))).toBeUndefined()
  expect(performance.now() - startedAt).toBeLessThan(500)
  expect(failed).toEqual(['duplicates'])
})
