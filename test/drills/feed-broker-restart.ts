import { readFile } from 'node:fs/promises'
import { isDeepStrictEqual } from 'node:util'
import { runDrill, type Running } from './_drill.ts'
import { createFeedHouse, saidIn, storedOffers, type FeedHouse } from './_feed-house.ts'
import { waitFor } from '../support/process.ts'

const OFFERS = 20_000
const PLACES = 50
const MOST_LOCATION_QUERIES = 200
const RUN_TIMEOUT_MS = 300_000

const settled = async ({ db }: FeedHouse, runId: string): Promise<number> => {
  const [row] = await db.sql.$queryRaw<[{ count: number }]>`
    SELECT count(*)::int AS count FROM feed_records WHERE run_id = ${runId}::bigint`
  return row.count
}

/** Statements on the table `locations` that clients have sent; the foreign key's own checks do not count. */
const locationQueries = async ({ db }: FeedHouse): Promise<number> => {
  const [row] = await db.sql.$queryRaw<[{ calls: number }]>`
    SELECT coalesce(sum(calls), 0)::int AS calls FROM pg_stat_statements
    WHERE query ~* '(FROM|INTO|JOIN)\\s+"?locations"?' AND query !~ 'pg_stat_statements' AND query !~* 'CREATE|VIEW'`
  return row.calls
}

const feedUnderFaults = async (drill: Running): Promise<void> => {
  const at = await createFeedHouse(drill)
  await at.writeFeed(OFFERS, PLACES)
  drill.say(`a feed of ${OFFERS.toLocaleString('en')} offers in ${PLACES} places`)
  await at.house.startScheduler()
  const victim = await at.house.startWorker()
  await at.house.startWorker()
  const runId = await at.startRun()

  const reached = (count: number): Promise<unknown> =>
    waitFor(`${count} records to settle`, async () => (await settled(at, runId)) >= count, {
      timeoutMs: 120_000,
      everyMs: 20
    })
  const bite = async (what: string, fault: () => Promise<unknown>): Promise<void> => {
    const before = await settled(at, runId)
    await fault()
    drill.injected(
      `${what}, when ${before.toLocaleString('en')} of ${OFFERS.toLocaleString('en')} had settled`
    )
    if (before >= OFFERS) throw new Error('the fault came too late to bite')
  }
  const restart = (stop: () => Promise<void>) => async () => {
    await stop()
    await at.rabbit.start()
  }

  await reached(OFFERS * 0.1)
  await bite('RabbitMQ restarted', restart(at.rabbit.stop))
  await reached(OFFERS * 0.35)
  await bite('one of two workers killed with SIGKILL', async () => {
    victim.signal('SIGKILL')
    await victim.exit
  })
  await reached(OFFERS * 0.6)
  await bite('RabbitMQ killed with SIGKILL and started', restart(at.rabbit.kill))

  const run = await at.endOf(runId, RUN_TIMEOUT_MS)
  drill.held(
    'the run ends done',
    run.state === 'done',
    `${run.state}${run.errorCode === undefined ? '' : ` (${run.errorCode})`}`
  )
  drill.held('its snapshot is complete', run.snapshot === 'complete', run.snapshot ?? 'none')

  const [expected, stored] = [await saidIn(await readFile(at.feedFile)), await storedOffers(at.db)]
  const different = [...expected].filter(
    ([id, { content }]) => !isDeepStrictEqual(stored.get(id)?.content, content)
  )
  drill.held(
    'every offer is applied as the feed says',
    different.length === 0,
    `${expected.size - different.length} of ${expected.size}`
  )
  drill.held('and no other', stored.size === expected.size, stored.size)
  const revised = [...stored.values()].filter(({ revision, state }) => revision !== 1 || state !== 'active')
  drill.held('revision is 1 everywhere', revised.length === 0, `${revised.length} with another`)
  const [changes] = await at.db.sql.$queryRaw<
    [{ count: number }]
  >`SELECT count(*)::int AS count FROM offer_changes`
  drill.held('every offer left one change', changes.count === OFFERS, changes.count)

  const queries = await locationQueries(at)
  drill.held(
    `at most ${MOST_LOCATION_QUERIES} location queries reached Postgres`,
    queries > 0 && queries <= MOST_LOCATION_QUERIES,
    queries
  )

  drill.say('the same feed again, in a new house, with Redis stopped')
  const without = await createFeedHouse(drill)
  await without.writeFeed(OFFERS, PLACES)
  await without.redis.stop()
  drill.injected('Redis stopped before the services started')
  await without.house.startScheduler()
  await without.house.startWorker()
  await without.house.startWorker()
  const secondRun = await without.endOf(await without.startRun(), RUN_TIMEOUT_MS)
  drill.held('without Redis the run ends done', secondRun.state === 'done', secondRun.state)
  const same = isDeepStrictEqual(await storedOffers(without.db), stored)
  drill.held('and the same offers result', same, same ? 'equal' : 'different')
}

await runDrill({
  name: 'feed-broker-restart',
  about:
    '20,000 offers in 50 places while RabbitMQ is restarted twice and one worker is killed; then without Redis',
  run: feedUnderFaults
})
