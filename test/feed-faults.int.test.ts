import { writeFile } from 'node:fs/promises'
import type { ServerResponse } from 'node:http'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { claimRun, listRuns } from '@sluice/prisma/tables/feed-runs'
import { countOffers } from '@sluice/prisma/tables/offers'
import { findSource, requestRun, type SourceRow } from '@sluice/prisma/tables/sources'
import { createFeedShop, demoFeed, isOver, type FeedShop } from './support/feed-shop.ts'
import { run, waitFor, type Running } from './support/process.ts'

/** What happens to a run when schedulers race, stop and die. */

let shop: FeedShop
const processes: Running[] = []

beforeAll(async () => {
  shop = await createFeedShop()
})
afterAll(async () => {
  await Promise.all(processes.map((scheduler) => scheduler.stop()))
  await shop?.remove()
})

/** A scheduler as a process of its own, to be killed. */
const startProcess = async (): Promise<Running> => {
  const args = ['--import', './shared/src/instrument.ts', 'scheduler/src/main.ts']
  const scheduler = run(process.execPath, args, { env: { ...shop.schedulerEnv, LOG_LEVEL: 'info' } })
  processes.push(scheduler)
  await waitFor('the scheduler to start', () => scheduler.lines().some(({ msg }) => msg === 'started'))
  return scheduler
}
const runsOf = (source: SourceRow) =>
  listRuns(shop.database.db.sql, { sourceSlug: source.slug }).then((runs) => runs.toReversed())
const offers = () => countOffers(shop.database.db.sql, { vendorSlug: 'costa', state: 'active' })
/** A feed whose run waits for workers that are not there. */
const startWaitingRun = async (): Promise<{ scheduler: Running; source: SourceRow }> => {
  const scheduler = await startProcess()
  const source = await shop.addFeed({ address: await shop.write(`${Math.random()}.xml`, demoFeed(50)) })
  await requestRun(shop.database.db.sql, source.id)
  await shop.runWhen(source, ({ state }) => state === 'settling')
  return { scheduler, source }
}

test('two schedulers and forty due feeds: one run each', async () => {
  const address = await shop.write('race.xml', demoFeed(3))
  const feeds = await Promise.all(
    Array.from({ length: 40 }, () => shop.addFeed({ address, schedule: '0 3 * * *', nextRunAt: new Date(0) }))
  )
  const schedulers = await Promise.all([shop.startScheduler(), shop.startScheduler()])
  const worker = await shop.startWorker()
  const done = await Promise.all(feeds.map((feed) => shop.runWhen(feed, isOver)))
  expect(done.map(({ state, trigger }) => [state, trigger])).toEqual(feeds.map(() => ['done', 'schedule']))
  await waitFor('every feed to have its next run', async () => {
    const sources = await Promise.all(feeds.map(({ slug }) => findSource(shop.database.db.sql, slug)))
    return sources.every((source) => (source?.nextRunAt?.getTime() ?? 0) > Date.now())
  })
  for (const { stop } of schedulers) await stop()
  for (const feed of feeds) expect(await runsOf(feed)).toHaveLength(1)
  await worker.stop()
})

test('a scheduler killed in the middle of a run: another one takes over when the lease is over', async () => {
  const { scheduler, source } = await startWaitingRun()
  scheduler.signal('SIGKILL')
  await scheduler.exit
  await writeFile(
    join(shop.schedulerEnv['SCHEDULER_SPOOL_DIR'] ?? '', `${shop.broker.namespace}.999.spool`),
    'left'
  )
  const worker = await shop.startWorker()
  const second = await shop.startScheduler()
  await waitFor('the run to be done again', async () => (await runsOf(source)).length === 2)
  await shop.runWhen(source, ({ state }) => state === 'done')

  const [killed, healed] = await runsOf(source)
  expect(killed).toMatchObject({ state: 'superseded', errorCode: 'RUN_SUPERSEDED' })
  expect(healed).toMatchObject({ state: 'done', snapshot: 'complete', recordsSeen: 50 })
  expect(await offers()).toBe(50)
  expect(await shop.spooled()).toEqual([])
  await second.stop()
  await worker.stop()
})

test('a scheduler that is stopped says so, exits cleanly, and the feed is read again at once', async () => {
  const { scheduler, source } = await startWaitingRun()
  expect(await scheduler.stop()).toEqual({ code: 0, signal: null })
  expect((await runsOf(source)).at(-1)).toMatchObject({ state: 'failed', errorCode: 'RUN_STOPPED' })

  const [second, worker] = [await shop.startScheduler(), await shop.startWorker()]
  expect(await shop.runWhen(source, ({ state }) => state === 'done')).toMatchObject({ recordsSeen: 50 })
  await second.stop()
  await worker.stop()
})

test('progress is live while a run waits for its workers, and the lease is kept', async () => {
  const scheduler = await shop.startScheduler({ SCHEDULER_CREDIT: '100' })
  const source = await shop.addFeed({ address: await shop.write('live.xml', demoFeed(400)) })
  await requestRun(shop.database.db.sql, source.id)
  const first = await shop.runWhen(source, ({ published }) => published === 100)
  const age = Date.now() - first.progressAt.getTime()
  expect(age).toBeLessThan(2_500)
  // Longer than the lease: the run is still the same.
  const later = await shop.runWhen(
    source,
    ({ progressAt, startedAt }) => progressAt.getTime() - startedAt.getTime() > 6_000
  )
  expect(later).toMatchObject({ id: first.id, state: 'reading', published: 100 })
  expect(later.leaseUntil.getTime()).toBeGreaterThan(Date.now())

  const worker = await shop.startWorker()
  expect(await shop.runWhen(source, isOver)).toMatchObject({ id: first.id, state: 'done', recordsSeen: 400 })
  await scheduler.stop()
  await worker.stop()
})

test('a claim that meets the end of a run is told that the feed is not due, and holds up nobody', async () => {
  const { db } = shop.database
  const asked = Promise.withResolvers<ServerResponse>()
  const source = await shop.addFeed({
    address: shop.serve('slow.xml', (_request, response) => asked.resolve(response))
  })
  const ended = shop.runNow(source)
  const answer = await asked.promise
  const claimed = await db.transaction(async (tx) => {
    await tx.$executeRaw`SET LOCAL deadlock_timeout = '10ms'` // should there be one, it costs the claim
    await tx.$queryRaw`SELECT id FROM sources WHERE id = ${source.id} FOR NO KEY UPDATE` // as far as a claim that was frozen
    answer.end('<root></root>')
    await waitFor('the end of the run to stand in line', async () => {
      const [row] = await shop.query<{ waiting: number }>(
        `SELECT count(*)::int AS waiting FROM pg_stat_activity
         WHERE datname = current_database() AND wait_event_type = 'Lock'`
      )
      return row?.waiting === 1
    })
    return claimRun(tx, { sourceId: source.id, leaseToken: 'late', leaseMs: 60_000 })
  })
  expect(claimed).toBeUndefined()
  expect(await ended).toMatchObject({ state: 'done' })
})

test('a run that was superseded while its scheduler was frozen leaves the books to the new one', async () => {
  const { scheduler, source } = await startWaitingRun()
  scheduler.signal('SIGSTOP')
  const second = await shop.startScheduler()
  const taken = await shop
    .runWhen(source, ({ id, state }) => id !== '' && state === 'settling')
    .then(({ id }) => id)
  await waitFor('the second scheduler to take over', async () => (await runsOf(source)).length === 2)
  scheduler.signal('SIGCONT')
  await waitFor('the first one to notice', () =>
    scheduler.lines().some(({ msg, state }) => msg === 'run finished' && state === 'superseded')
  )
  const worker = await shop.startWorker()
  const done = await shop.runWhen(source, ({ state }) => state === 'done')
  expect(done.id).not.toBe(taken)
  expect((await runsOf(source)).map(({ state }) => state)).toEqual(['superseded', 'done'])
  await second.stop()
  await worker.stop()
  await scheduler.stop()
})
