import { afterEach, describe, expect, test } from 'vitest'
import { createCache } from '@sluice/shared/cache'
import { createLogger } from '@sluice/shared/log'
import { createDb, type Db, type Sql } from '@sluice/prisma/client'
import { migrate } from '@sluice/prisma/migrate'
import { locationsGeneration } from '@sluice/prisma/tables/locations'
import { createGeneration } from '../worker/src/generation.ts'
import { createLocations } from '../worker/src/locations.ts'
import { placeOf } from '../worker/src/place.ts'
import { createDatabase, type TestDatabase } from './support/database.ts'
import { startPrivatePostgres, type PrivatePostgres } from './support/postgres.ts'
import { freePort, waitFor, type Running } from './support/process.ts'
import { startSentrySink } from './support/sentry.ts'
import { services } from './support/services.ts'
import { createWorkshop, flat, healthOf, sumOf, type Workshop } from './support/workshop.ts'

const log = createLogger({ service: 'test', level: 'silent' })
const cleanups: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup()
})

const openShop = async (database?: TestDatabase): Promise<Workshop> => {
  const shop = await createWorkshop(database === undefined ? {} : { database })
  cleanups.push(shop.remove)
  return shop
}
const openPostgres = async (): Promise<{ postgres: PrivatePostgres; database: TestDatabase }> => {
  const postgres = await startPrivatePostgres({ fsync: 'off' })
  cleanups.push(postgres.remove)
  const url = postgres.url.replace(/postgres$/, 'sluice')
  await migrate({ url })
  const db = createDb({ url, poolSize: 2, applicationName: 'test' })
  const database = { url, name: 'sluice', db, open: () => db, drop: () => db.close() }
  return { postgres, database }
}
const records = (shop: Workshop, run: number, count: number) =>
  Array.from({ length: count }, (_, index) => shop.feed(run, index, flat(`e${index}`, index), 10))
const created = async (shop: Workshop): Promise<number> =>
  (await shop.query<{ n: number }>(`SELECT count(*)::int AS n FROM offers WHERE revision = 1`))[0]?.n ?? 0
const allCreated = (shop: Workshop, count: number): Promise<unknown> =>
  waitFor(`${count} offers`, async () => (await created(shop)) === count, { timeoutMs: 45_000, everyMs: 200 })
const saying = (process: Running, message: string): number =>
  process.lines().filter(({ msg }) => msg === message).length

/** Counts the statements that reach Postgres. */
const counting = (db: Db): { db: Db; count: () => number } => {
  let count = 0
  const sql = new Proxy<Sql>(db.sql, {
    get: (target, name) => {
      if (name === '$queryRaw' || name === 'location') count += 1
      return Reflect.get(target, name) as unknown
    }
  })
  return { db: { ...db, sql }, count: () => count }
}

/** 100 places out of 50. */
const batch = (at: number) =>
  Array.from({ length: 100 }, (_, index) =>
    placeOf({ country: 'Spain', city: `Town ${(at * 37 + index * 13) % 50}` })
  )

describe('Postgres', () => {
  test('terminating our backends again and again loses nothing and costs no retry', async () => {
    const shop = await openShop()
    const worker = await shop.startProcess()
    const loading = new AbortController()
    let terminated = 0
    const killer = async (): Promise<void> => {
      while (!loading.signal.aborted) {
        const killed = await shop.query<{ done: boolean }>(
          `SELECT pg_terminate_backend(pid) AS done FROM pg_stat_activity
           WHERE datname = current_database() AND application_name LIKE 'sluice-worker%'`
        )
        terminated += killed.length
        await new Promise((resolve) => setTimeout(resolve, 200))
      }
    }
    const killing = killer()
    const sent = records(shop, 1, 3_000)
    for (let at = 0; at < sent.length; at += 100) {
      await shop.send(...sent.slice(at, at + 100))
      await new Promise((resolve) => setTimeout(resolve, 30))
    }
    loading.abort()
    await killing
    await allCreated(shop, 3_000)

    expect(terminated).toBeGreaterThan(0)
    expect(saying(worker, 'dependency is away, holding deliveries')).toBeGreaterThan(0)
    expect(sumOf('held', worker)).toBeGreaterThan(0)
    // Not counted: what is on its way when a consumer is cancelled, a quorum queue takes back and delivers again.
    expect(sumOf('retried', worker) + sumOf('dead', worker)).toBe(0)
  })

  test('away under load: held, not live-killed, not ready; no retry; resumed in 10 s', async () => {
    const { postgres, database } = await openPostgres()
    const shop = await openShop(database)
    const worker = await shop.startProcess()
    const sent = records(shop, 1, 2_000)
    await shop.send(...sent.slice(0, 1_000))
    await waitFor('some offers', async () => (await created(shop)) > 0)
    await postgres.stop('immediate')
    await shop.send(...sent.slice(1_000))
    await waitFor('the worker to hold', () => saying(worker, 'dependency is away, holding deliveries') > 0)
    expect(await healthOf(worker, '/readyz')).toBe(503)
    expect(await healthOf(worker, '/livez')).toBe(200)

    await postgres.start()
    const backAt = performance.now()
    await waitFor('the worker to go on', () => saying(worker, 'dependency is back, going on') > 0)
    expect(performance.now() - backAt).toBeLessThan(10_000)
    await allCreated(shop, 2_000)
    expect(saying(worker, 'dependency is away, holding deliveries')).toBe(1)
    expect(sumOf('held', worker)).toBeGreaterThan(0)
    expect(await healthOf(worker, '/readyz')).toBe(200)
    expect(sumOf('retried', worker) + sumOf('dead', worker)).toBe(0)
  })

  test('away from the start and for longer than we hold: given back once, applied when it comes', async () => {
    const { postgres, database } = await openPostgres()
    const shop = await openShop(database)
    await shop.send(...records(shop, 1, 500))
    await postgres.stop('fast')
    const worker = await shop.startProcess({ WORKER_HOLD_MS: '1000' })
    const { feed } = shop.broker.topology.queues
    await waitFor('everything to be in the queue', async () => {
      return (
        saying(worker, 'held long enough, giving deliveries back') === 1 &&
        (await shop.broker.count(feed)) === 500
      )
    })
    expect(await shop.broker.consumers(feed)).toBe(0)
    await postgres.start()
    await allCreated(shop, 500)
    expect(saying(worker, 'held long enough, giving deliveries back')).toBe(1)
    expect(sumOf('retried', worker) + sumOf('dead', worker)).toBe(0)
  })
})

const interpret = () => {
  throw new TypeError('a bug')
}

/** Batches of 100, two at once, one in waiting: `lane.ts`. */
const FEED_PREFETCH = 300

describe('SIGTERM under load', () => {
  test('finishes what is in hand, returns nothing, exits 0; the next worker does the rest, and nothing has an effect twice', async () => {
    const shop = await openShop()
    const sent = records(shop, 1, 4_000)
    const first = await shop.startProcess()
    const sending = shop.send(...sent)
    await waitFor('some offers', async () => (await created(shop)) > 200)
    expect(await first.stop()).toEqual({ code: 0, signal: null })
    await sending
    const before = await created(shop)
    expect(before).toBeLessThan(4_000)
    expect(first.lines().find(({ msg }) => msg === 'lanes drained')).toMatchObject({ returned: 0 })

    const second = await shop.startProcess()
    await allCreated(shop, 4_000)
    await waitFor(
      'the acknowledgements',
      async () => (await shop.broker.count(shop.broker.topology.queues.feed)) === 0
    )
    expect(await second.stop()).toEqual({ code: 0, signal: null })
    // On a busy broker a quorum queue delivers again what was on its way at the cancel, and has been seen to forget
    // the acknowledgements of the last batches in hand: never more than one prefetch, and never with an effect.
    expect(sumOf('size', first, second)).toBeLessThanOrEqual(4_000 + FEED_PREFETCH)
    expect(sumOf('created', first, second)).toBe(4_000)
    expect(sumOf('updated', first, second)).toBe(0)
    expect(sumOf('created', first)).toBe(before)
  })

  test('with copies for the ladder under way loses none of them, also when the ladder does not answer', async () => {
    const shop = await openShop()
    const { queues } = shop.broker.topology
    const ladder = `${shop.broker.namespace}.retry.5s.v1`
    const sent = Array.from({ length: 1_500 }, (_, index) => shop.hook(`b.${index}`, flat(`b${index}`), 10))
    const idsIn = async (queue: string): Promise<unknown[]> => {
      const messages = await shop.broker.take(queue, 2_000)
      return [...new Set<unknown>(messages.map(({ properties }) => properties.messageId))]
    }
    const first = await shop.startWorker({ interpret })
    const sending = shop.send(...sent)
    await waitFor('some copies', async () => (await shop.broker.count(ladder)) > 100, { everyMs: 20 })
    await first.stop()
    await sending
    await waitFor('the ladder to be empty', async () => (await shop.broker.count(ladder)) === 0)
    expect(await idsIn(queues.webhook)).toHaveLength(1_500)

    // Copies that nobody confirms: their originals go back.
    const second = await shop.startWorker({ interpret, env: { SHUTDOWN_TIMEOUT_MS: '3000' } })
    await shop.broker.deleteQueue(ladder)
    await shop.send(...sent)
    await waitFor('copies under way', async () => (await shop.broker.count(queues.webhook)) < 1_490)
    await second.stop()
    expect(await idsIn(queues.webhook)).toHaveLength(1_500)
  })

  test('a SIGKILL costs redeliveries and nothing else', async () => {
    const shop = await openShop()
    const first = await shop.startProcess()
    const sending = shop.send(...records(shop, 1, 3_000))
    await waitFor('some offers', async () => (await created(shop)) > 100)
    first.signal('SIGKILL')
    await first.exit
    const second = await shop.startProcess()
    await sending
    await allCreated(shop, 3_000)
    expect(await shop.query(`SELECT 1 FROM offers WHERE revision <> 1`)).toEqual([])
    expect(sumOf('redelivered', second)).toBeGreaterThan(0)
    expect(sumOf('retried', second)).toBe(0)
    // What was committed before the kill keeps its first outcome, though it is found done the second time.
    expect(await shop.query(`SELECT DISTINCT outcome FROM feed_records`)).toEqual([{ outcome: 'created' }])
  })
})

describe('Sentry', () => {
  test('hears once of 5,000 equal rejections, with the count, and nothing secret or personal', async () => {
    const sink = await startSentrySink()
    cleanups.push(sink.close)
    const shop = await openShop()
    const worker = await shop.startProcess({ SENTRY_DSN: sink.dsn, SENTRY_ENVIRONMENT: 'test' })
    const personal = { name: 'Ana Pérez', email: 'ana.perez@example.es', phone: '+34 612 345 678' }
    const secret = 'slk_topsecrettopsecret'
    const sent = Array.from({ length: 5_000 }, (_, index) => {
      const { price: _price, ...record } = flat(`n${index}`)
      return shop.feed(1, index, { ...record, agent: personal, privateNotes: secret }, 10)
    })
    await shop.send(...sent)
    await waitFor('the rejections', () => sumOf('rejected', worker) === 5_000, { timeoutMs: 45_000 })
    await worker.stop()

    expect(sink.events()).toHaveLength(1)
    expect(sink.events()[0]).toMatchObject({
      level: 'warning',
      environment: 'test',
      fingerprint: ['rejection', 'feed', 'RECORD_INCOMPLETE'],
      extra: { count: 5_000 }
    })
    for (const word of ['Ana', 'Pérez', 'example.es', '612', secret, 'guest:guest'])
      expect(sink.raw()).not.toContain(word)
    // The fault bit: the records did say all that, and our own database kept them.
    expect(await shop.query(`SELECT record->'agent'->>'email' AS email FROM rejections LIMIT 1`)).toEqual([
      { email: personal.email }
    ])
    expect(sumOf('size', worker)).toBe(5_000)
    expect(saying(worker, 'record rejected')).toBeLessThan(20)
  })
})

describe('places', () => {
  test.each([
    ['with Redis', async () => services.redisUrl],
    ['without Redis', async () => `redis://127.0.0.1:${await freePort()}`]
  ])('of 20,000 offers in 50 places cost two workers few queries, %s', async (_, redisUrl) => {
    const database = await createDatabase()
    cleanups.push(database.drop)
    const url = await redisUrl()
    const workers = [1, 2].map(() => {
      const { db, count } = counting(database.open(4))
      const cache = createCache({ url, namespace: database.name, log })
      cleanups.push(cache.close)
      const { current: generation } = createGeneration(() => locationsGeneration(db.sql))
      return { locations: createLocations({ db, cache, generation }), count }
    })
    const found = new Map<string, Set<number>>()
    await Promise.all(
      workers.map(async ({ locations }) => {
        for (let at = 0; at < 100; at += 2) {
          for (const ids of await Promise.all([
            locations.resolve(batch(at)),
            locations.resolve(batch(at + 1))
          ]))
            for (const [key, id] of ids) found.set(key, (found.get(key) ?? new Set()).add(id))
        }
      })
    )
    expect(found.size).toBe(50)
    expect([...found.values()].every((ids) => ids.size === 1)).toBe(true)
    const queries = workers.reduce((sum, { count }) => sum + count(), 0)
    expect(queries).toBeGreaterThan(0)
    expect(queries).toBeLessThanOrEqual(20)
  })

  test('a table made anew never meets the ids Redis kept of the old one', async () => {
    const place = placeOf({ country: 'Spain', city: 'Nerja' })
    const database = await createDatabase()
    cleanups.push(database.drop)
    const resolve = async (): Promise<number | undefined> => {
      const cache = createCache({ url: services.redisUrl, namespace: database.name, log })
      await waitFor('redis', () => cache.isUp())
      const { current: generation } = createGeneration(() => locationsGeneration(database.db.sql))
      const ids = await createLocations({ db: database.db, cache, generation }).resolve([place])
      await cache.close()
      return ids.get(place.key)
    }
    await database.db.sql.$executeRawUnsafe(`SELECT setval('locations_id_seq', 100)`)
    expect(await resolve()).toBe(101)
    await database.db.sql.$executeRawUnsafe('TRUNCATE locations RESTART IDENTITY CASCADE')
    expect(await resolve()).toBe(1)
  })
})
