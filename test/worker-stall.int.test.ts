import { afterEach, expect, test } from 'vitest'
import { findOffer } from '@sluice/prisma/tables/offers'
import { run, waitFor } from './support/process.ts'
import { createWorkshop, flat, type Workshop } from './support/workshop.ts'

const cleanups: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup()
})

/** Somebody keeps the row of an offer locked, as a forgotten transaction in a console does. */
const lockOffer = async (shop: Workshop, externalId: string): Promise<() => Promise<void>> => {
  const db = shop.database.open(1)
  const locked = Promise.withResolvers<void>()
  const letGo = Promise.withResolvers<void>()
  const holding = db.transaction(async (tx) => {
    await tx.$queryRaw`SELECT FROM offers WHERE external_id = ${externalId} FOR UPDATE`
    locked.resolve()
    await letGo.promise
  })
  await locked.promise
  return async () => {
    letGo.resolve()
    await holding
    await db.close()
  }
}

test('a record that alone is too much for Postgres takes the ladder; its neighbours and lanes go on', async () => {
  const shop = await createWorkshop()
  cleanups.push(shop.remove)
  const env = { DATABASE_URL: `${shop.env['DATABASE_URL'] ?? ''}?statement_timeout=500` }
  const first = await shop.startWorker({ env })
  await shop.send(shop.hook('s.0', flat('s7'), 1))
  await shop.waitForOutcomes('s.0')
  await first.stop()

  const unlock = await lockOffer(shop, 's7')
  const hooks = Array.from({ length: 20 }, (_, index) =>
    shop.hook(`t.${index}`, flat(`s${index}`, 5_000), 10)
  )
  await shop.send(...hooks)
  await shop.startWorker({ env })
  const others = hooks.map(({ properties }) => properties.messageId).filter((id) => id !== 't.7')
  await shop.waitForOutcomes(...others)
  await shop.send(shop.feed(1, 0, flat('elsewhere'), 10))
  await waitFor('the other lane', async () => (await shop.feedOutcomes())['elsewhere'] === 'created')
  await waitFor('the ladder', async () => (await shop.outcomes())['t.7'] === 'retried')
  // The fault bit: the row is still locked.
  expect(await findOffer(shop.database.db.sql, 'costa', 's7')).toMatchObject({ revision: 1 })

  await unlock()
  await waitFor('the retry', async () => (await shop.outcomes())['t.7'] === 'updated', { timeoutMs: 45_000 })
  expect(await findOffer(shop.database.db.sql, 'costa', 's7')).toMatchObject({
    revision: 2,
    content: { listPrice: { amount: '5000' } }
  })
})

test('a second signal ends a worker that cannot finish what it has in hand; the next one does', async () => {
  const shop = await createWorkshop()
  cleanups.push(shop.remove)
  // Not one of the shop's own: those must end with 0.
  const worker = run(process.execPath, ['worker/src/main.ts'], { env: shop.env })
  cleanups.push(() => worker.stop(1_000))
  await shop.send(shop.hook('u.0', flat('u1'), 1))
  await shop.waitForOutcomes('u.0')
  const unlock = await lockOffer(shop, 'u1')
  await shop.send(shop.hook('u.1', flat('u1', 5_000), 10))
  await waitFor('the worker to stand at the lock', async () => {
    const waiting = await shop.query(
      `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`
    )
    return waiting.length > 0
  })

  worker.signal('SIGTERM')
  await waitFor('it to begin to stop', () => worker.lines().some(({ msg }) => msg === 'stopping'))
  worker.signal('SIGTERM')
  expect(await worker.exit).toEqual({ code: 1, signal: null })
  expect(worker.lines().some(({ msg }) => msg === 'second signal, leaving at once')).toBe(true)

  await unlock()
  await shop.startWorker()
  expect((await shop.waitForOutcomes('u.1'))['u.1']).toBe('updated')
})
