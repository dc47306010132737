import { setTimeout as sleep } from 'node:timers/promises'
import { createHistory } from '../support/histories.ts'
import { percentile } from '../support/load.ts'
import { waitFor } from '../support/process.ts'
import { flat, heldBy, type HookRecord } from '../support/workshop.ts'
import { NoBite, runDrills, type Drill, type Running } from './_drill.ts'
import { judge } from './_oracle.ts'
import { startStopwatch } from './_stopwatch.ts'
import { drillOf, type Scene, type WorkerFault } from './_worker-fault.ts'
import { toMib, vitalsOf, vitalsSaid } from './_vitals.ts'
import { createWorkerHouse } from './_worker-house.ts'

/** Whether a webhook waits for a feed (research: faults 17, 22). The exact figures are for `pnpm bench lanes`. */

const ONE_LANE = 'webhooks stand in line behind the feed'
/** Behind the feed the first webhooks would wait for all of it; beside it they take their own time. */
const SHARE_OF_DRAIN = 0.1
/** A webhook behind the slow feed would wait for half a minute. */
const BESIDE_SLOW_MS = 5_000
const PER_SECOND = 20
const STANDSTILL_MS = 5_000
const CHUNK = 1_000

const inTime = (drill: Running, tookMs: readonly number[], limitMs: number): void => {
  const p99 = percentile(tookMs, 0.99)
  drill.held(
    `99 of 100 webhooks are committed within ${Math.round(limitMs)} ms`,
    p99 <= limitMs,
    `${tookMs.length} webhooks, the median ${percentile(tookMs, 0.5).toFixed(0)} ms, p99 ${p99.toFixed(0)} ms`
  )
}

const starvation = async (drill: Running): Promise<void> => {
  const { shop, count, managementUrl } = await createWorkerHouse(drill, { management: true })
  const history = await createHistory(shop, { seed: 1, offers: 1 })
  const backlog = Array.from({ length: drill.setting('backlog') }, (_, index) =>
    shop.feed(1, index, flat(`b${index}`), 10)
  )
  for (let at = 0; at < backlog.length; at += CHUNK) await shop.send(...backlog.slice(at, at + CHUNK))
  const { feed } = shop.broker.topology.queues
  const before = await shop.broker.count(feed)
  drill.say(`${before} feed records wait`)

  const workers = await Promise.all([shop.startProcess(), shop.startProcess()])
  const watch = startStopwatch(shop, { perSecond: PER_SECOND, isOneLane: drill.isSabotaged })
  const startedAt = performance.now()
  let applied = 0
  let movedAt = performance.now()
  let stoodMs = 0
  while (applied < backlog.length && performance.now() - movedAt < 6 * STANDSTILL_MS) {
    await sleep(250)
    const now = await count(`FROM feed_records WHERE external_id LIKE 'b%'`)
    stoodMs = Math.max(stoodMs, performance.now() - movedAt)
    if (now > applied) movedAt = performance.now()
    applied = now
  }
  const drainMs = movedAt - startedAt
  const { sent, tookMs } = await watch.end()
  if (before < backlog.length || tookMs.length === 0) throw new NoBite('there was no backlog, or no webhook')
  drill.injected(
    `${before} feed records waited and took ${(drainMs / 1000).toFixed(1)} s; ${sent.length} webhooks`
  )
  inTime(drill, tookMs, drainMs * SHARE_OF_DRAIN)
  drill.held(
    'the feed never stood still for 5 s',
    stoodMs < STANDSTILL_MS,
    `${Math.round(stoodMs)} ms at most`
  )
  const { told } = history
  for (const { what, ok, figure } of await judge(
    { shop, confirmed: [...backlog, ...sent], told, workers, managementUrl },
    60_000
  ))
    drill.held(what, ok, figure)
}

/** Statements about feed records of one kind take two seconds each, as behind a lock or on a dying disk. */
const SLOW = [
  `CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$
   BEGIN
     IF EXISTS (SELECT FROM news WHERE external_id LIKE 'slow%') THEN PERFORM pg_sleep(2); END IF;
     RETURN NULL;
   END $$`,
  `CREATE TRIGGER slow AFTER INSERT ON feed_records REFERENCING NEW TABLE AS news
   FOR EACH STATEMENT EXECUTE FUNCTION slow()`
]
const SLOW_RECORDS = 4_000
/** 100 MB wait; a worker may have 750 of these in hand. */
const LARGE = 'x'.repeat(25_000)
/** As much as the bodies of all that wait would take alone. */
const MEMORY_MIB = 96
const WARM_RECORDS = 600
/** Webhooks 60, feed 750, quarantine 1, dead 100: batches under way and one in waiting, each lane (`lane.ts`). */
const MOST_IN_HAND = 911
const WATCH_MS = 15_000

const slow = async (scene: Scene): Promise<void> => {
  const { drill, shop, workers, send, count, bit } = scene
  const { sql } = shop.database.db
  const [worker] = workers
  if (worker === undefined) throw new Error('there is no worker')
  const sendLarge = async (name: string, run: number, length: number): Promise<void> => {
    for (let at = 0; at < length; at += CHUNK) {
      const records = Array.from({ length: Math.min(CHUNK, length - at) }, (_, index): HookRecord => ({
        ...flat(`${name}${at + index}`),
        extras: { note: LARGE }
      }))
      await send(records.map((record, index) => shop.feed(run, at + index, record, 10)))
    }
  }
  await sendLarge('warm', 1, WARM_RECORDS)
  const isWarm = async (): Promise<boolean> =>
    (await count(`FROM feed_records WHERE external_id LIKE 'warm%'`)) === WARM_RECORDS
  await waitFor('the worker to be warm', isWarm, { timeoutMs: 60_000 })
  const before = (await vitalsOf(worker)).liveBytes
  const said = vitalsSaid(worker).length
  for (const statement of SLOW) await sql.$executeRawUnsafe(statement)
  await sendLarge('slow', 2, SLOW_RECORDS)
  const watch = startStopwatch(shop, { perSecond: PER_SECOND, isOneLane: drill.isSabotaged })
  const startedAt = performance.now()
  let inHand = 0
  while (performance.now() - startedAt < WATCH_MS) {
    inHand = Math.max(inHand, await heldBy(worker))
    await sleep(250)
  }
  const waiting = await shop.broker.count(shop.broker.topology.queues.feed)
  const { sent, tookMs } = await watch.end()
  const slowest = Math.max(
    ...scene.said('batch settled').map(({ lane, tookMs: ms }) => (lane === 'feed' ? Number(ms) : 0))
  )
  bit(
    `a batch of the feed took ${slowest} ms, and ${waiting} records waited`,
    slowest >= 2_000 && waiting > 1_000
  )
  await sql.$executeRawUnsafe('DROP TRIGGER slow ON feed_records')
  scene.alsoJudge(sent)
  inTime(drill, tookMs, BESIDE_SLOW_MS)
  drill.held('no more in hand than the prefetch', inHand > 0 && inHand <= MOST_IN_HAND, inHand)
  const memory = Math.max(
    ...vitalsSaid(worker)
      .slice(said)
      .map(({ liveBytes }) => liveBytes)
  )
  drill.held(
    `memory in use grew by at most ${MEMORY_MIB} MiB`,
    toMib(memory - before) <= MEMORY_MIB,
    `${toMib(before)} MiB before, at most ${toMib(memory)} MiB`
  )
}

const slowFault: WorkerFault = {
  name: 'slow',
  about: 'Postgres takes two seconds for every batch of one feed, of which 4,000 large records wait',
  sabotage: { what: ONE_LANE },
  workers: 1,
  rate: 50,
  source: 'crm',
  faults: ['vitals'],
  offers: 1_000,
  inject: slow
}

const drills: readonly Drill[] = [
  {
    name: 'worker-lanes-starvation',
    about: 'a backlog of a feed is there when webhooks come',
    sabotage: ONE_LANE,
    settings: { backlog: 50_000 },
    run: starvation
  },
  drillOf('worker-lanes', slowFault)
]

await runDrills({ name: 'worker-lanes', about: 'webhooks beside a feed that is large, or slow' }, drills)
