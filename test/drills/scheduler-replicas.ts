import { setTimeout as sleep } from 'node:timers/promises'
import { createChance, type Chance } from '@sluice/examples/costa-demo'
import type { Db } from '@sluice/prisma/client'
import { createSource } from '@sluice/prisma/tables/sources'
import { createVendor } from '@sluice/prisma/tables/vendors'
import { createTopology } from '@sluice/shared/topology'
import { createHouse } from '../support/house.ts'
import { waitFor, type Running as Process } from '../support/process.ts'
import { createSilenceable } from '../support/silenceable.ts'
import { serveChangingFeeds, type ChangingFeed } from './_changing-feeds.ts'
import { runDrill, type Running } from './_drill.ts'
import { createFeedHouse, TIME_ZONE, type FeedHouse } from './_feed-house.ts'
import { judgeReplicas, takenOver, watchRuns } from './_replicas-judge.ts'

const SCHEDULERS = 3
const WORKERS = 2
const LEASE_MS = 5_000
/** To Postgres and back: a run spends its time between statements, so it is stopped between any two of them. */
const DELAY_MS = 10
const TIMEOUT_MS = 900_000
/** What RabbitMQ says of the messages in a quorum queue is up to five seconds old. */
const FIGURES_AGE_MS = 6_000
const NO_LEASE = new URL('sabotage/no-lease.ts', import.meta.url).pathname

const replicas = async (drill: Running): Promise<void> => {
  const [ticks, seed] = [drill.setting('ticks'), drill.setting('seed')]
  const chance = createChance(seed)
  drill.say(`seed ${seed}`)
  const at = await createFeedHouse(drill)
  const { feeds, close } = await serveChangingFeeds(drill.setting('feeds'), seed)
  drill.cleanup(close)
  for (const feed of feeds) await addFeed(at.db, feed)
  await watchRuns(at.db)
  const schedulers = await startSchedulers(drill, at)
  for (let started = 0; started < WORKERS; started++) await at.house.startWorker()

  const over = new AbortController()
  const stopping = stopNowAndThen(schedulers, createChance(seed + 1), over.signal)
  try {
    await makeDue(drill, at.db, { feeds, ticks, chance })
  } finally {
    over.abort()
  }
  const stops = await stopping
  await untilQuiet(at)
  // Whoever was superseded may have said something after all: the next run of each feed, of the same file, sets it right.
  await setDue(at.db, feeds)
  await untilQuiet(at)

  const stages = Object.entries(await takenOver(at.db)).map(([stage, count]) => `${count} ${stage}`)
  drill.injected(
    `a scheduler stopped with SIGSTOP past its lease ${stops} times; runs taken over: ${stages.join(', ')}`
  )
  const shares = schedulers.map((scheduler) => linesOf(scheduler, 'run started'))
  drill.held('every scheduler had its share of the runs', Math.min(...shares) > 0, shares.join(' '))
  for (const { what, ok, figure } of await judgeReplicas(at.db, feeds)) drill.held(what, ok, figure)
  const bugs = schedulers.reduce((sum, scheduler) => sum + linesOf(scheduler, 'run failed unexpectedly'), 0)
  drill.held('no run met a bug of ours', bugs === 0, bugs)
}

const addFeed = async ({ sql }: Db, { slug, url, isDated }: ChangingFeed): Promise<void> => {
  const vendor = await createVendor(sql, { slug, name: slug })
  if (vendor === undefined) throw new Error('the database is not fresh')
  await createSource(sql, {
    vendorId: vendor.id,
    slug,
    kind: 'feed',
    format: 'kyero',
    timeZone: TIME_ZONE,
    address: url,
    ...(isDated ? { exportLagMs: 0 } : {}), // its versions follow each other within any other lag
    holdShare: 1 // nobody is there to release anything
  })
}

const startSchedulers = async (drill: Running, at: FeedHouse): Promise<Process[]> => {
  const way = await createSilenceable(at.postgres.url, { delayMs: DELAY_MS })
  drill.cleanup(() => way.close())
  const house = await createHouse({
    databaseUrl: way.url.replace(/\/postgres$/, '/house'),
    rabbitUrl: at.rabbit.url,
    redisUrl: at.redis.url,
    namespace: createTopology().namespace,
    env: {
      SCHEDULER_LEASE_MS: String(LEASE_MS),
      SCHEDULER_TICK_SECONDS: '1',
      SCHEDULER_MAX_RUNS: '8',
      SCHEDULER_EGRESS_ALLOW: '127.0.0.1',
      SCHEDULER_SPOOL_RESERVE_BYTES: '0',
      // Who does not know that it was superseded waits for records that count for its successor.
      ...(drill.isSabotaged ? { SCHEDULER_SETTLE_TIMEOUT_MS: '5000' } : {})
    }
  })
  drill.cleanup(() => house.stop())
  const preload = drill.isSabotaged ? ['--import', NO_LEASE] : []
  return Promise.all(Array.from({ length: SCHEDULERS }, () => house.startScheduler(preload)))
}

/** One scheduler after the other is stopped for longer than its lease; resolves to how often. */
const stopNowAndThen = async (
  schedulers: readonly Process[],
  chance: Chance,
  over: AbortSignal
): Promise<number> => {
  for (let stops = 0; ; stops++) {
    await sleep(chance.between(200, 3_000))
    if (over.aborted) return stops
    const victim = chance.oneOf(schedulers)
    victim.signal('SIGSTOP')
    await sleep(LEASE_MS + chance.between(500, 6_000))
    victim.signal('SIGCONT')
  }
}

interface Making {
  feeds: readonly ChangingFeed[]
  ticks: number
  chance: Chance
}

/** Makes every feed due as soon as it is not, until so many runs were claimed; what it says changes between and within runs. */
const makeDue = async (drill: Running, db: Db, { feeds, ticks, chance }: Making): Promise<void> => {
  const end = Date.now() + TIMEOUT_MS
  let told = 0
  for (;;) {
    const idle = await idleFeeds(db, feeds)
    for (const feed of idle) if (chance.happens(0.8)) feed.change()
    await setDue(db, idle)
    for (const feed of feeds) if (chance.happens(0.02)) feed.change()
    const [runs] = await db.sql.$queryRaw<[{ claimed: number; superseded: number }]>`
      SELECT count(*)::int AS claimed, (count(*) FILTER (WHERE state = 'superseded'))::int AS superseded FROM feed_runs`
    if (runs.claimed >= told + ticks / 10) {
      told = runs.claimed
      drill.say(`${runs.claimed} runs claimed, ${runs.superseded} superseded`)
    }
    if (runs.claimed >= ticks) return
    if (Date.now() > end) throw new Error(`only ${runs.claimed} runs were claimed in ${TIMEOUT_MS} ms`)
    await sleep(100)
  }
}

const idleFeeds = async ({ sql }: Db, feeds: readonly ChangingFeed[]): Promise<ChangingFeed[]> => {
  const busy = await sql.$queryRaw<{ slug: string }[]>`
    SELECT slug FROM sources s WHERE next_run_at IS NOT NULL OR EXISTS (
      SELECT FROM feed_runs r WHERE r.source_id = s.id AND r.state IN ('reading', 'settling')
    )`
  const slugs = new Set(busy.map(({ slug }) => slug))
  return feeds.filter(({ slug }) => !slugs.has(slug))
}

const setDue = async ({ sql }: Db, feeds: readonly ChangingFeed[]): Promise<void> => {
  await sql.source.updateMany({
    where: { slug: { in: feeds.map(({ slug }) => slug) } },
    data: { nextRunAt: new Date() }
  })
}

/** No feed is due, no run is alive, and no queue but that of the recent dead holds anything. */
const untilQuiet = async ({ db, rabbit }: FeedHouse): Promise<void> => {
  const isBusy = async (): Promise<boolean> => {
    const [{ open }] = await db.sql.$queryRaw<[{ open: number }]>`
      SELECT (SELECT count(*) FROM sources WHERE next_run_at IS NOT NULL)::int
           + (SELECT count(*) FROM feed_runs WHERE state IN ('reading', 'settling'))::int AS open`
    return open > 0
  }
  await waitFor('every run to end', async () => !(await isBusy()), { timeoutMs: 120_000, everyMs: 200 })
  await sleep(FIGURES_AGE_MS)
  await waitFor(
    'every queue to be empty',
    async () => {
      const queues = await rabbit.control('list_queues', '--quiet', '--no-table-headers', 'name', 'messages')
      return queues.split('\n').every((line) => /recent|\t0$|^$/.test(line.trim()))
    },
    { timeoutMs: 120_000, everyMs: 2_000 }
  )
}

const linesOf = (process: Process, message: string): number =>
  process.lines().filter(({ msg }) => msg === message).length

await runDrill({
  name: 'scheduler-replicas',
  about:
    'three schedulers and feeds that change, due over and over, one of the three stopped past its lease at random moments',
  sabotage: 'a run is still its own, whatever its lease says',
  settings: { ticks: 1_000, feeds: 16, seed: 20_261_130, limit: 60 },
  run: replicas
})
