import { readFile, writeFile } from 'node:fs/promises'
import { createDemoOffers, toKyero, type DemoOffer } from '@sluice/examples/costa-demo'
import { updateHold } from '@sluice/prisma/tables/sources'
import { waitFor, type Running as Process } from '../support/process.ts'
import { runDrill, type Running } from './_drill.ts'
import { createFeedHouse, FEED, storedOffers, type FeedHouse } from './_feed-house.ts'

const RUN_TIMEOUT_MS = 600_000
const LEASE_MS = 5_000
/** What a version of the feed changes, of all offers. */
const GONE_SHARE = 0.1
const BELIEVE = new URL('sabotage/believe-any-file.ts', import.meta.url).pathname

/** A generator of its own, the same for the same seed. */
const chanceOf = (seed: number): (() => number) => {
  let state = seed
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648
    return state / 2_147_483_648
  }
}

const histories = async (drill: Running): Promise<void> => {
  const count = drill.setting('offers')
  const kills = drill.setting('kills')
  const chance = chanceOf(drill.setting('seed'))
  const at = await createFeedHouse(drill, {
    SCHEDULER_LEASE_MS: String(LEASE_MS),
    SCHEDULER_TICK_SECONDS: '1'
  })
  // Whatever a run concludes is carried out: only its proof that the list is whole stands between a cut file and offers.
  await updateHold(at.db.sql, FEED, { holdShare: 1 })
  await at.house.startWorker()
  await at.house.startWorker()

  let listed: DemoOffer[] = createDemoOffers(count)
  const everListed = new Set<string>()
  const write = async (offers: readonly DemoOffer[]): Promise<void> => {
    for (const { id } of offers) everListed.add(id)
    await writeFile(at.feedFile, [...toKyero(offers)].join(''))
  }
  const start = (): Promise<Process> =>
    at.house.startScheduler(drill.isSabotaged ? ['--import', BELIEVE] : [])

  await write(listed)
  let scheduler = await start()
  const first = await at.endOf(await at.startRun(), RUN_TIMEOUT_MS)
  drill.say(`${count.toLocaleString('en')} offers stand: ${first.state}`)

  let died = 0
  let cut = 0
  let wronged = 0
  const hidden: DemoOffer[] = []
  while (died < kills) {
    // The next version of the list: some are gone, some of those gone have returned as they were.
    const back = hidden.splice(0, Math.floor(hidden.length * chance()))
    const [stay, leave] = [[] as DemoOffer[], [] as DemoOffer[]]
    for (const offer of listed) (chance() < GONE_SHARE ? leave : stay).push(offer)
    hidden.push(...leave)
    listed = [...stay, ...back]
    await write(listed)
    const isCut = died % 3 === 1
    if (isCut) {
      const whole = await readFile(at.feedFile)
      await writeFile(at.feedFile, whole.subarray(0, Math.floor(whole.length * (0.2 + 0.7 * chance()))))
      cut += 1
    }
    const before = await visible(at)
    const runId = await at.startRun()
    await new Promise((resolve) => setTimeout(resolve, Math.floor(chance() * 1_500)))
    scheduler.signal('SIGKILL')
    await scheduler.exit
    died += 1
    scheduler = await start()
    await waitFor(
      'a run to take over and end',
      async () => {
        const [run] = await at.db.sql.$queryRaw<{ id: string; state: string }[]>`
        SELECT id::text AS id, state FROM feed_runs ORDER BY feed_runs.id DESC LIMIT 1`
        return run !== undefined && Number(run.id) >= Number(runId) && ['done', 'failed'].includes(run.state)
      },
      { timeoutMs: RUN_TIMEOUT_MS, everyMs: 200 }
    )
    if (!isCut) continue
    const after = await visible(at)
    wronged += [...before].filter((id) => !after.has(id)).length
  }
  drill.injected(
    `the scheduler killed with SIGKILL ${died} times in the middle of runs, ${cut} of its files cut`
  )

  await write(listed)
  const last = await at.endOf(await at.startRun(), RUN_TIMEOUT_MS)
  drill.held(
    'the last run is done, and nobody had to help',
    last.removals !== 'pending' && last.state === 'done',
    `${last.state}, removals ${last.removals}`
  )
  const stored = await storedOffers(at.db)
  const active = new Set([...stored].flatMap(([id, { state }]) => (state === 'active' ? [id] : [])))
  const lost = listed.filter(({ id }) => !active.has(id))
  const left = [...active].filter((id) => listed.every((offer) => offer.id !== id))
  drill.held(
    'what the last list holds is active',
    lost.length === 0,
    `${listed.length - lost.length} of ${listed.length}`
  )
  drill.held('what it does not hold is withdrawn', left.length === 0, `${left.length} still active`)
  drill.held(
    'nothing was deleted',
    [...everListed].every((id) => stored.has(id)),
    `${stored.size} of ${everListed.size}`
  )
  drill.held('files that were cut withdrew nothing', wronged === 0, `${cut} files, ${wronged} withdrawn`)
}

const visible = async (at: FeedHouse): Promise<Set<string>> => {
  const rows = await at.db.sql.$queryRaw<{ id: string }[]>`
    SELECT external_id AS id FROM offers WHERE state = 'active'`
  return new Set(rows.map(({ id }) => id))
}

await runDrill({
  name: 'feed-vanished',
  about:
    'versions of a list that lose and regain offers, some of the files cut, the scheduler killed in every run',
  sabotage: 'every file counts as a whole list',
  settings: { offers: 100_000, kills: 20, seed: 20_261_127, limit: 60 },
  run: histories
})
