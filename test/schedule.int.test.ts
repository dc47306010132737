import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Db } from '@sluice/prisma/client'
import { claimRun, finishRun } from '@sluice/prisma/tables/feed-runs'
import { dueFeeds, setNextRunAt, type SourceRow } from '@sluice/prisma/tables/sources'
import { nextRunAfter } from '@sluice/shared/schedule'
import { createDatabase, type TestDatabase } from './support/database.ts'
import { aSource, aVendor } from './support/store.ts'

/** The schedule as the database keeps it, on a clock of the test's own: `now()` of Postgres is what it says. */

const SOFIA = 'Europe/Sofia'
const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
const SCHEDULES = ['0 3 * * *', '30 3 * * *', '59 2 * * *', '15 4 * * *']

let database: TestDatabase
let db: Db
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
})
afterAll(() => database?.drop())

const setClock = (at: Date) => db.sql.$executeRaw`UPDATE sim.clock SET at = ${at}`

/** What a scheduler does that looks at that instant: every due feed, longest overdue first. */
const tick = async (at: Date): Promise<SourceRow[]> => {
  await setClock(at)
  const due = await dueFeeds(db.sql)
  for (const source of due) {
    const leaseToken = randomUUID()
    const run = await db.transaction((tx) =>
      claimRun(tx, { sourceId: source.id, leaseToken, leaseMs: 30_000 })
    )
    if (run === undefined) throw new Error(`${source.slug} was due`)
    await finishRun(db.sql, run.id, leaseToken, { state: 'done' })
    await setNextRunAt(db.sql, source.id, nextRunAfter(source.schedule ?? '', source.timeZone, at))
  }
  return due
}

const localDay = new Intl.DateTimeFormat('sv', { timeZone: SOFIA, dateStyle: 'short' })

test.each([
  ['spring 2026', '2026-03-26', 6],
  ['autumn 2026', '2026-10-22', 6],
  ['spring 2027', '2027-03-25', 6],
  ['autumn 2027', '2027-10-28', 6]
])(
  'every daily feed runs once each local day around the change of %s, with six hours down in the night of it',
  async (name, first, days) => {
    const start = new Date(`${first}T12:00:00Z`)
    const slug = name.replace(' ', '-')
    const { id: vendorId } = await aVendor(db.sql, slug)
    const feeds = await Promise.all(
      SCHEDULES.map((schedule, index) =>
        aSource(db.sql, {
          vendorId,
          slug: `${slug}-${index}`,
          timeZone: SOFIA,
          schedule,
          ...nextOf(schedule, start)
        })
      )
    )
    const runs: { slug: string; at: Date }[] = []
    const note = (due: readonly SourceRow[], at: Date): void => {
      for (const source of due) if (source.slug.startsWith(slug)) runs.push({ slug: source.slug, at })
    }
    const change = start.getTime() + 2.5 * 24 * HOUR_MS // midnight UTC of the night in which the clock changes
    const down = { from: change - HOUR_MS, until: change + 5 * HOUR_MS }
    for (let at = start.getTime(); at < start.getTime() + days * 24 * HOUR_MS; at += 15 * MINUTE_MS) {
      if (at > down.from && at < down.until) continue
      const now = new Date(at + 60_000)
      note(await tick(now), now)
    }
    for (const feed of feeds) {
      const own = runs.filter((run) => run.slug === feed.slug).map((run) => localDay.format(run.at))
      expect(own, feed.slug).toHaveLength(days)
      expect(new Set(own).size, feed.slug).toBe(days)
    }
    const caught = runs.filter(({ at }) => at.getTime() === down.until + 60_000).map((run) => run.slug)
    const oldestFirst = feeds.toSorted((a, b) => minutesOf(a) - minutesOf(b)).map((feed) => feed.slug)
    expect(caught.toSorted()).toEqual(oldestFirst.toSorted())
    expect(caught.at(-1), 'the one that was due last').toBe(oldestFirst.at(-1))
  }
)

const nextOf = (schedule: string, after: Date): { nextRunAt?: Date } => {
  const nextRunAt = nextRunAfter(schedule, SOFIA, after)
  return nextRunAt === undefined ? {} : { nextRunAt }
}

const minutesOf = ({ schedule = '' }: SourceRow): number => {
  const [minute = 0, hour = 0] = schedule.split(' ').map(Number)
  return hour * 60 + minute
}
