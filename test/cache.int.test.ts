import { once } from 'node:events'
import { connect, createServer, type AddressInfo } from 'node:net'
import { afterEach, expect, it } from 'vitest'
import { createCache, createRedis } from '@sluice/shared/cache'
import { createLogger } from '@sluice/shared/log'
import { waitFor } from './support/process.ts'
import { services } from './support/services.ts'
import { createSilenceable } from './support/silenceable.ts'

/** Redis that is slow while a connection is made, as it is for a process whose loop is busy starting. */

const log = createLogger({ service: 'test', level: 'silent' })
const closers: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closers.splice(0)) await close()
})

/** A way to Redis on which the first answers of every connection take their time. */
const createSlowBeginning = async (delayMs: number) => {
  const to = new URL(services.redisUrl)
  let connections = 0
  const server = createServer((client) => {
    connections += 1
    const madeAt = performance.now()
    const redis = connect(Number(to.port), to.hostname)
    for (const socket of [client, redis]) socket.on('error', () => undefined)
    client.pipe(redis)
    redis.on('data', (chunk) => {
      const wait = Math.max(0, madeAt + delayMs - performance.now())
      setTimeout(() => client.write(chunk), wait)
    })
    client.on('close', () => redis.destroy())
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  closers.push(() => server.close())
  const url = new URL(services.redisUrl)
  url.host = `127.0.0.1:${(server.address() as AddressInfo).port}`
  return { url: url.toString(), connections: () => connections }
}

it('a connection whose beginning takes longer than a call may is made all the same, at the first try', async () => {
  const slow = await createSlowBeginning(300)
  const redis = createRedis({ url: slow.url, log })
  const cache = createCache({ url: slow.url, namespace: 'test-slow-beginning', log })
  closers.push(
    () => redis.disconnect(),
    () => cache.close()
  )
  await waitFor('both connections', () => redis.status === 'ready' && cache.isUp())
  expect(slow.connections()).toBe(2)
  expect(await redis.ping()).toBe('PONG')
})

it('a Redis that falls silent is a miss each time, and is back after that', async () => {
  const way = await createSilenceable(services.redisUrl)
  const cache = createCache({ url: way.url, namespace: `test-silent-${process.pid}`, log })
  closers.push(
    () => way.close(),
    () => cache.close()
  )
  await waitFor('the connection', () => cache.isUp())
  await cache.set('key', 'value', 60)
  expect(await cache.get('key')).toBe('value')
  way.silence()
  const startedAt = performance.now()
  expect(await cache.get('key')).toBeUndefined()
  expect(performance.now() - startedAt).toBeLessThan(1_000)
  await waitFor('it to count as away', () => !cache.isUp())
  way.restore()
  await waitFor('the value again', async () => (await cache.get('key')) === 'value')
})

it('values put under one key are found one by one, and expire together', async () => {
  const namespace = `test-fields-${process.pid}`
  const cache = createCache({ url: services.redisUrl, namespace, log })
  const redis = createRedis({ url: services.redisUrl, log })
  closers.push(
    () => cache.del('marks'),
    () => cache.close(),
    () => redis.disconnect()
  )
  await waitFor('the connections', () => cache.isUp() && redis.status === 'ready')
  await cache.setFields('marks', [], 60)
  expect(await redis.exists(`${namespace}:marks`)).toBe(0)
  await cache.setFields('marks', [['a', { records: 1 }]], 60)
  await cache.setFields('marks', [['b', 2]], 600)
  const found = ['a', 'b', 'c'].map((field) => cache.getField('marks', field))
  expect(await Promise.all(found)).toEqual([{ records: 1 }, 2, undefined])
  expect(await redis.ttl(`${namespace}:marks`)).toBeGreaterThan(500)
})
