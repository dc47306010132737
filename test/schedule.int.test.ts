import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createChance } from '@sluice/examples/costa-demo'
import type { Db } from '@sluice/prisma/client'
import { claimRun, finishRun } from '@sluice/prisma/tables/feed-runs'
import { dueFeeds, setNextRunAt, type SourceRow } from '@sluice/prisma/tables/sources'
import { nextRunAfter } from '@sluice/shared/schedule'
import { createDatabase, type TestDatabase } from './support/database.ts'
import { aSource, aVendor } from './support/store.ts'
import { createWallClock, occurrencesOf, type Occurrence } from './support/wall-clock.ts'

/**
 * Daily feeds in Sofia on a clock of the test's own: two years of them in memory, by the rule the database follows, and
 * the days around every change of the clock in a database whose `now()` is what the test says. Both must come to what
 * the clock on the wall says by itself.
 */

const SOFIA = 'Europe/Sofia'
const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
const DAY_MS = 24 * HOUR_MS
const WEEK_MS = 7 * DAY_MS
const TICK_MS = 30 * MINUTE_MS
const DOWN_MS = 6 * HOUR_MS
const FROM = Date.parse('2025-12-31T22:00:00Z') // midnight in Sofia
const UNTIL = Date.parse('2027-12-31T22:00:00Z')
const CHANGES = ['2026-03-29T01:00Z', '2026-10-25T01:00Z', '2027-03-28T01:00Z', '2027-10-31T01:00Z'].map(
  Date.parse
)
/** 03:00 and 03:30 do not exist in spring and come twice in autumn. */
const TIMES = ['00:00', '02:30', '03:00', '03:30', '04:00', '23:59']
const SEED = 20_261_130

const wall = createWallClock(SOFIA, FROM - DAY_MS, UNTIL + DAY_MS)
const scheduleOf = (time: string): string => {
  const [hour, minute] = time.split(':').map(Number)
  return `${minute} ${hour} * * *`
}
const nextOf = (time: string, after: number): number =>
  nextRunAfter(scheduleOf(time), SOFIA, new Date(after))?.getTime() ?? Infinity

/** Where it is kept when a feed is due. */
interface Books {
  /** What a scheduler finds that looks at that instant, in the order it starts them; each is claimed. */
  begin: (at: number) => Promise<Begun[]>
}

interface Begun extends Occurrence {
  /** The run ends, and the next one is set. */
  end: (at: number) => Promise<void>
}

interface Down {
  from: number
  until: number
}

/**
 * Every half hour a scheduler looks; what it begins has ended when it looks again. While it is down nobody looks, and
 * what was under way is lost: its lease runs out. Returns the runs that have ended, and what was begun after each time down.
 */
const simulate = async (books: Books, { from, until }: Down, downs: readonly Down[]) => {
  const ended: Occurrence[] = []
  const caughtUp = new Map<Down, Occurrence[]>()
  let running: Begun[] = []
  let down: Down | undefined
  for (let at = from; at <= until + TICK_MS; at += TICK_MS) {
    const now = downs.find((one) => at >= one.from && at < one.until)
    if (now !== undefined) {
      running = []
      down = now
      continue
    }
    for (const run of running) {
      await run.end(at)
      ended.push(toOccurrence(run))
    }
    running = await books.begin(at)
    if (down !== undefined) caughtUp.set(down, running.map(toOccurrence))
    down = undefined
  }
  return { ended: ended.filter(({ dueAt }) => dueAt < until), caughtUp }
}

const toOccurrence = ({ time, dueAt }: Occurrence): Occurrence => ({ time, dueAt })
const inOrder = (runs: readonly Occurrence[]): Occurrence[] =>
  runs.toSorted((a, b) => a.dueAt - b.dueAt || TIMES.indexOf(a.time) - TIMES.indexOf(b.time))

/** What must be caught up: what fell into the time down, and what the last look before it began in vain. */
const missedIn = ({ from, until }: Down): Occurrence[] =>
  inOrder(occurrencesOf(wall, TIMES, from - 2 * TICK_MS + 1, until + 1))

/** The rule of `dueFeeds`, `claimRun` and the end of a run. */
const inMemory = (from: number): Books => {
  const dueAt = new Map(TIMES.map((time) => [time, nextOf(time, from - 1)]))
  return {
    begin: (at) => {
      const due = [...dueAt].flatMap(([time, due]) => (due <= at ? { time, dueAt: due } : []))
      return Promise.resolve(
        inOrder(due).map((run) => ({
          ...run,
          end: (now) => {
            dueAt.set(run.time, nextOf(run.time, now))
            return Promise.resolve()
          }
        }))
      )
    }
  }
}

/** A time down every week, around every change of the clock too. */
const downsOf = (seed: number): Down[] => {
  const chance = createChance(seed)
  const downs: Down[] = []
  for (let week = FROM; week + WEEK_MS < UNTIL; week += WEEK_MS) {
    const change = CHANGES.find((at) => at > week && at < week + WEEK_MS)
    const from =
      change === undefined
        ? week + TICK_MS * chance.between(2, (6 * DAY_MS) / TICK_MS)
        : change - TICK_MS * chance.between(0, DOWN_MS / TICK_MS)
    downs.push({ from, until: from + DOWN_MS })
  }
  return downs
}

test.each([
  ['', []],
  [', and what six hours down have missed is caught up, oldest first', downsOf(SEED)]
])('every daily feed runs once each local day of 2026 and 2027%s', async (_name, downs) => {
  const { ended, caughtUp } = await simulate(inMemory(FROM), { from: FROM, until: UNTIL }, downs)

  expect(inOrder(ended)).toEqual(inOrder(occurrencesOf(wall, TIMES, FROM, UNTIL)))
  for (const time of TIMES) {
    const days = ended.filter((run) => run.time === time).map(({ dueAt }) => wall.dayOf(dueAt))
    expect(new Set(days).size, time).toBe(730)
    expect(days, time).toHaveLength(730)
  }
  expect(caughtUp.size).toBe(downs.length)
  for (const down of downs) {
    expect(caughtUp.get(down), new Date(down.from).toISOString()).toEqual(missedIn(down))
  }
})

let database: TestDatabase
let db: Db
let feeds: SourceRow[]
beforeAll(async () => {
  database = await createDatabase()
  for (const statement of [
    'CREATE SCHEMA sim',
    'CREATE TABLE sim.clock (at timestamptz NOT NULL)',
    'INSERT INTO sim.clock VALUES (to_timestamp(0))',
    "CREATE FUNCTION sim.now() RETURNS timestamptz STABLE LANGUAGE SQL AS 'SELECT at FROM sim.clock'",
    `ALTER DATABASE "${database.name}" SET search_path = sim, pg_catalog, public`
  ])
    await database.db.sql.$executeRawUnsafe(statement)
  db = database.open() // connections from now on
  const { id: vendorId } = await aVendor(db.sql, 'sofia')
  feeds = []
  for (const slug of TIMES) {
    feeds.push(await aSource(db.sql, { vendorId, slug, timeZone: SOFIA, schedule: scheduleOf(slug) }))
  }
})
afterAll(() => database?.drop())

const inPostgres = async (from: number): Promise<Books> => {
  for (const { id, slug } of feeds) await setNextRunAt(db.sql, id, new Date(nextOf(slug, from - 1)))
  return {
    begin: async (at) => {
      await db.sql.$executeRaw`UPDATE sim.clock SET at = ${new Date(at)}`
      const begun: Begun[] = []
      for (const source of await dueFeeds(db.sql)) begun.push(await claim(source))
      return begun
    }
  }
}

const claim = async ({ id: sourceId, slug, nextRunAt }: SourceRow): Promise<Begun> => {
  const leaseToken = randomUUID()
  const run = await db.transaction((tx) => claimRun(tx, { sourceId, leaseToken, leaseMs: 30_000 }))
  if (run === undefined || nextRunAt === undefined) throw new Error(`${slug} was due`)
  return {
    time: slug,
    dueAt: nextRunAt.getTime(),
    end: async (at) => {
      if (!(await finishRun(db.sql, run.id, leaseToken, { state: 'done' }))) throw new Error('not ours')
      await setNextRunAt(db.sql, sourceId, new Date(nextOf(slug, at)))
    }
  }
}

test.each([
  ['2026-03-29', 'six hours down in the night of it', true],
  ['2026-10-25', 'six hours down in the night of it', true],
  ['2027-03-28', 'nothing amiss', false],
  ['2027-10-31', 'nothing amiss', false]
])('the database does the same on the days around %s, with %s', async (day, _amiss, isDown) => {
  const change = CHANGES.find((at) => new Date(at).toISOString().startsWith(day)) ?? NaN
  const midnight = wall.startOf(change)
  const days = { from: wall.startOf(midnight - 1), until: wall.startOf(midnight + 2.5 * DAY_MS) }
  const from = change - TICK_MS * createChance(change).between(0, DOWN_MS / TICK_MS)
  const downs = isDown ? [{ from, until: from + DOWN_MS }] : []
  const { ended, caughtUp } = await simulate(await inPostgres(days.from), days, downs)

  expect(inOrder(ended)).toEqual(inOrder(occurrencesOf(wall, TIMES, days.from, days.until)))
  expect(ended).toHaveLength(3 * TIMES.length)
  for (const down of downs) expect(caughtUp.get(down)).toEqual(missedIn(down))
  expect(ended).toEqual((await simulate(inMemory(days.from), days, downs)).ended)
})
