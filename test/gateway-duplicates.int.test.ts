import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { afterEach, expect, test } from 'vitest'
import { createRedis } from '@sluice/shared/cache'
import { createLogger } from '@sluice/shared/log'
import { createDuplicates, toEvent } from '../gateway/src/duplicates/duplicates.ts'
import { createQuickRedis } from '../gateway/src/quick-redis.ts'
import { services } from './support/services.ts'

/** Which deliveries are remembered, in a real Redis, by two replicas. */

const log = createLogger({ service: 'test', level: 'silent' })
const namespace = `test-${randomUUID()}`
const event = toEvent(7, 'e1')
const clients: ReturnType<typeof createRedis>[] = []

const createReplica = async () => {
  const client = createRedis({ url: services.redisUrl, log })
  clients.push(client)
  await once(client, 'ready')
  const redis = createQuickRedis({ client, failedOpen: () => undefined, timeoutMs: 5_000 })
  return createDuplicates({ redis, namespace })
}

afterEach(async () => {
  const [client] = clients
  const keys = (await client?.keys(`${namespace}:*`)) ?? []
  if (keys.length > 0) await client?.del(...keys)
  for (const one of clients.splice(0)) one.disconnect()
})

test('what was remembered is found at once where it was, and everywhere once Redis is told', async () => {
  const [here, there] = [await createReplica(), await createReplica()]
  expect(await here.find(event)).toBeUndefined()
  here.remember(event, 'first')
  expect(await here.find(event)).toBe('first')
  expect(await there.find(event)).toBe('first')
})

test('the first delivery of an event keeps its place', async () => {
  const [here, there] = [await createReplica(), await createReplica()]
  here.remember(event, 'first')
  await here.close()
  there.remember(event, 'second')
  expect(await there.find(event)).toBe('first')
})
