import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Db, Sql } from '@sluice/prisma/client'
import {
  findSkippable,
  settleFeedRecords,
  type FeedRecordRow,
  type SkipQuestion
} from '@sluice/prisma/tables/feed-records'
import {
  claimRun,
  endReading,
  findRun,
  finishRun,
  lastFinishedRun,
  listRuns,
  saveProgress,
  settledOutcomes,
  type FeedRunRow
} from '@sluice/prisma/tables/feed-runs'
import { writeOffers, type StoredOffer } from '@sluice/prisma/tables/offers'
import { markSeen } from '@sluice/prisma/tables/run-seen'
import {
  dueFeeds,
  pauseSource,
  requestRun,
  resumeSource,
  setNextRunAt,
  type SourceRow
} from '@sluice/prisma/tables/sources'
import { OVERRULED, type Stamp } from '@sluice/shared/stamp'
import type { Outcome } from '@sluice/shared/change'
import { createDatabase, type TestDatabase } from './support/database.ts'
import { anOffer, aSource, aVendor, hashOf, shuffled, stampAt } from './support/store.ts'

let database: TestDatabase
let db: Db
let sql: Sql
let source: SourceRow
let sources = 0

beforeAll(async () => {
  database = await createDatabase({ poolSize: 8 })
  db = database.db
  sql = db.sql
})
afterAll(() => database.drop())
beforeEach(async () => {
  sources += 1
  const vendor = await aVendor(sql, `vendor-${sources}`)
  source = await aSource(sql, { vendorId: vendor.id, slug: `feed-${sources}`, nextRunAt: new Date(0) })
})

const claim = (leaseToken: string, leaseMs = 60_000, of = source): Promise<FeedRunRow | undefined> =>
  db.transaction((tx) => claimRun(tx, { sourceId: of.id, leaseToken, leaseMs }))

/** A run whose lease has run out. */
const lapsedRun = async (leaseToken: string): Promise<FeedRunRow> => {
  const run = await claim(leaseToken, -1)
  if (run === undefined) throw new Error('another run is alive')
  return run
}

const record = (externalId: string, more: Partial<FeedRecordRow> = {}): FeedRecordRow => ({
  sourceId: source.id,
  externalId,
  recordHash: hashOf(externalId),
  formatVersion: 1,
  sourceRevision: 1,
  stamp: stampAt(10),
  factAtFrom: 'record',
  outcome: 'created',
  runId: '1',
  ...more
})

const question = (): Omit<SkipQuestion, 'recordHashes'> => ({
  sourceId: source.id,
  sourceSlug: source.slug,
  vendorId: source.vendorId,
  formatVersion: 1,
  sourceRevision: 1
})

const stored = async (externalId: string): Promise<Record<string, unknown> | undefined> =>
  (
    await sql.$queryRaw<Record<string, unknown>[]>`
      SELECT record_hash AS "recordHash", stamp, outcome, run_id::text AS "runId" FROM feed_records
      WHERE source_id = ${source.id} AND external_id = ${externalId}`
  )[0]

/** An offer this source wrote, and its record; each argument bends one rule. */
const settled = async (
  more: Partial<FeedRecordRow> = {},
  offer: Partial<StoredOffer> = {}
): Promise<void> => {
  const row = record('x', more)
  await settleFeedRecords(sql, [row])
  const sourceStamps = { [source.slug]: row.stamp }
  await writeOffers(sql, [anOffer({ vendorId: source.vendorId, externalId: 'x', sourceStamps, ...offer })])
}
/** Somebody else changed the offer as well. */
const otherSource = (stamp: Stamp): Pick<StoredOffer, 'sourceStamps'> => ({
  sourceStamps: { [source.slug]: stampAt(10), push: stamp }
})

describe('a run', () => {
  it('is claimed by one of many', async () => {
    const claims = await Promise.all(Array.from({ length: 8 }, (_, index) => claim(`token-${index}`)))
    const [run, ...others] = claims.filter((answer) => answer !== undefined)
    expect(others).toEqual([])
    expect(run).toMatchObject({ state: 'reading', sourceSlug: source.slug, bytesRead: 0, problems: [] })
    expect(await claim('late')).toBeUndefined()
  })

  it('of another source does not stand in the way', async () => {
    await claim('mine')
    const { vendorId } = source
    const other = await aSource(sql, { vendorId, slug: `${source.slug}-other`, nextRunAt: new Date(0) })
    expect(await claim('theirs', 60_000, other)).toMatchObject({ sourceId: other.id })
  })

  it('starts when its feed is due or somebody asks, and not again when it has ended', async () => {
    await setNextRunAt(sql, source.id, undefined)
    expect(await claim('early')).toBeUndefined()
    await requestRun(sql, source.id)
    const run = await claim('asked')
    expect(run).toMatchObject({ trigger: 'manual' })
    await setNextRunAt(sql, source.id, undefined)
    await finishRun(sql, run?.id ?? '', 'asked', { state: 'done' })
    expect(await claim('again')).toBeUndefined()
    await setNextRunAt(sql, source.id, new Date(0))
    await pauseSource(sql, source.slug)
    expect(await claim('paused')).toBeUndefined()
    await resumeSource(sql, source.slug)
    expect(await claim('due')).toMatchObject({ trigger: 'schedule' })
  })

  it('that is alive hides its feed from those that are due; one that lapsed does not', async () => {
    const isDue = async (): Promise<boolean> => (await dueFeeds(sql)).some(({ id }) => id === source.id)
    expect(await isDue()).toBe(true)
    const run = await claim('alive')
    expect(await isDue()).toBe(false)
    await saveProgress(sql, run?.id ?? '', 'alive', -1, {})
    expect(await isDue()).toBe(true)
    await pauseSource(sql, source.slug)
    expect(await isDue()).toBe(false)
  })

  it('whose lease has run out is superseded and can do nothing more', async () => {
    const old = await lapsedRun('old')
    const claims = await Promise.all([1, 2, 3, 4].map((index) => claim(`new-${index}`)))
    expect(claims.filter((answer) => answer !== undefined)).toHaveLength(1)
    expect(await findRun(sql, old.id)).toMatchObject({ state: 'superseded', finishedAt: expect.any(Date) })
    expect(await saveProgress(sql, old.id, 'old', 60_000, { published: 7 })).toBe(false)
    expect(await endReading(sql, old.id, 'old', 60_000, { snapshot: 'complete' })).toBe(false)
    expect(await finishRun(sql, old.id, 'old', { state: 'done' })).toBe(false)
    expect(await findRun(sql, old.id)).toMatchObject({ state: 'superseded', published: 0 })
  })

  it('that reports in time keeps its lease', async () => {
    const run = await lapsedRun('alive')
    expect(await saveProgress(sql, run.id, 'alive', 60_000, {})).toBe(true)
    expect(await claim('other')).toBeUndefined()
    expect(await saveProgress(sql, run.id, 'guessed', 60_000, {})).toBe(false)
  })

  it('goes from reading to settling to done, and keeps what it learnt on the way', async () => {
    const run = await claim('whole')
    const id = run?.id ?? ''
    await saveProgress(sql, id, 'whole', 60_000, { bytesTotal: 5_000_000_000, bytesRead: 12, etag: '"a"' })
    await saveProgress(sql, id, 'whole', 60_000, { bytesRead: 4_999_999_999, recordsSeen: 3, published: 2 })
    const problems = [
      { offset: 17, code: 'RECORD_MALFORMED', message: 'a NUL \u0000 and half a pair \ud800' }
    ]
    await endReading(sql, id, 'whole', 60_000, { snapshot: 'partial', problems, malformed: 1 })
    expect(await findRun(sql, id)).toMatchObject({ state: 'settling', readAt: expect.any(Date) })
    expect(await claim('impatient')).toBeUndefined()
    expect(await lastFinishedRun(sql, source.id)).toBeUndefined()
    expect(await finishRun(sql, id, 'whole', { state: 'done', skipped: 1 })).toBe(true)
    expect(await finishRun(sql, id, 'whole', { state: 'failed' })).toBe(false)
    const done = await lastFinishedRun(sql, source.id)
    expect(done).toMatchObject({
      id,
      state: 'done',
      snapshot: 'partial',
      bytesTotal: 5_000_000_000,
      bytesRead: 4_999_999_999,
      etag: '"a"',
      recordsSeen: 3,
      published: 2,
      malformed: 1,
      skipped: 1,
      problems: [{ offset: 17, code: 'RECORD_MALFORMED', message: 'a NUL \ufffd and half a pair \ufffd' }]
    })
    const next = await claim('next')
    await finishRun(sql, next?.id ?? '', 'next', {
      state: 'failed',
      errorCode: 'FETCH_FAILED',
      errorMessage: '404'
    })
    expect(await lastFinishedRun(sql, source.id)).toEqual(done)
    expect(
      (await listRuns(sql, { sourceSlug: source.slug })).map(({ state, errorCode }) => [state, errorCode])
    ).toEqual([
      ['failed', 'FETCH_FAILED'],
      ['done', undefined]
    ])
  })

  it('nobody ever made is not found, whatever is asked for', async () => {
    for (const id of ['999999', 'x', '', '-1', '99999999999999999999', '1; DROP TABLE offers']) {
      expect(await findRun(sql, id)).toBeUndefined()
    }
  })

  it('notes each id once', async () => {
    const run = await claim('seeing')
    const id = run?.id ?? ''
    expect(await markSeen(sql, id, ['b', 'a', 'b'])).toEqual(new Set())
    expect(await markSeen(sql, id, ['c', 'a'])).toEqual(new Set(['a']))
    expect(await markSeen(sql, id, ['c', 'd', 'a', 'a'])).toEqual(new Set(['a', 'c']))
    const ids = Array.from({ length: 500 }, (_, index) => `n${index}`)
    const seen = await Promise.all([1, 2, 3, 4].map((seed) => markSeen(sql, id, shuffled(ids, seed))))
    const times = new Map(ids.map((one) => [one, seen.filter((before) => before.has(one)).length]))
    expect(new Set(times.values()), 'each is new to one of four').toEqual(new Set([3]))
  })
})

describe('feed records', () => {
  it('move with a newer or equal stamp only, their run always forward', async () => {
    await settleFeedRecords(sql, [record('a', { runId: '5' })])
    await settleFeedRecords(sql, [
      record('a', { stamp: stampAt(9), recordHash: hashOf('older'), runId: '4' })
    ])
    expect(await stored('a')).toEqual({
      recordHash: hashOf('a'),
      stamp: stampAt(10),
      outcome: 'created',
      runId: '5'
    })
    await settleFeedRecords(sql, [record('a', { stamp: stampAt(9), outcome: 'stale', runId: '6' })])
    expect(await stored('a')).toEqual({
      recordHash: hashOf('a'),
      stamp: stampAt(10),
      outcome: 'created',
      runId: '6'
    })
    await settleFeedRecords(sql, [record('a', { outcome: 'rejected' })])
    expect(await stored('a')).toMatchObject({ outcome: 'rejected', runId: '6' })
    await settleFeedRecords(sql, [
      record('a', { stamp: stampAt(11), recordHash: hashOf('new'), outcome: 'updated' })
    ])
    expect(await stored('a')).toMatchObject({
      recordHash: hashOf('new'),
      stamp: stampAt(11),
      outcome: 'updated'
    })
  })

  it('delivered again keep what the first delivery did', async () => {
    await settleFeedRecords(sql, [record('a'), record('b', { outcome: 'retried' })])
    await settleFeedRecords(sql, [
      record('a', { outcome: 'unchanged' }),
      record('b', { outcome: 'unchanged' })
    ])
    expect(await stored('a')).toMatchObject({ outcome: 'created' })
    expect(await stored('b')).toMatchObject({ outcome: 'unchanged' })
  })

  it('given twice in one batch: the newest stands', async () => {
    await settleFeedRecords(sql, [
      record('a', { stamp: stampAt(3), outcome: 'updated', runId: '2' }),
      record('a', { stamp: stampAt(2), runId: '3' })
    ])
    expect(await stored('a')).toMatchObject({ stamp: stampAt(3), outcome: 'updated', runId: '3' })
  })

  it('are counted by the run that settled them last, each once', async () => {
    const inRun = (externalId: string, outcome: Outcome): FeedRecordRow =>
      record(externalId, { outcome, runId: '70' })
    await settleFeedRecords(sql, [inRun('a', 'created'), inRun('b', 'created'), inRun('c', 'rejected')])
    await settleFeedRecords(sql, [inRun('a', 'unchanged'), inRun('b', 'unchanged'), inRun('c', 'unchanged')])
    await settleFeedRecords(sql, [record('b', { runId: '71', stamp: stampAt(20), outcome: 'updated' })])
    expect(await settledOutcomes(sql, '70')).toMatchObject({ created: 1, unchanged: 1, rejected: 0, dead: 0 })
    expect(await settledOutcomes(sql, '71')).toMatchObject({ updated: 1, created: 0 })
  })

  it('do not deadlock, in whatever order concurrent batches bring them', async () => {
    const rows = Array.from({ length: 200 }, (_, index) => record(`d${index}`))
    const writes = Array.from({ length: 20 }, (_, round) =>
      db.transaction((tx) => settleFeedRecords(tx, shuffled(rows, round)))
    )
    await expect(Promise.all(writes)).resolves.toHaveLength(20)
  })
})

it('what is skipped is found by its hash, with whose it is', async () => {
  const offers = ['x', 'y'].map((externalId) =>
    anOffer({ vendorId: source.vendorId, externalId, rowVersion: 1 })
  )
  await writeOffers(sql, offers)
  await settleFeedRecords(sql, [record('x'), record('y')])
  const found = await findSkippable(sql, { ...question(), recordHashes: ['x', 'y', 'other'].map(hashOf) })
  expect(found).toEqual(
    new Map([
      [hashOf('x'), 'x'],
      [hashOf('y'), 'y']
    ])
  )
})

describe('a record is skipped', () => {
  const isSkippable = async (asked: Partial<SkipQuestion> = {}): Promise<boolean> => {
    const recordHashes = [hashOf('other'), hashOf('x')]
    const found = await findSkippable(sql, { ...question(), recordHashes, ...asked })
    if (found.size > 0) expect([...found]).toEqual([[hashOf('x'), 'x']])
    return found.size > 0
  }

  it.each(['created', 'updated', 'unchanged'] as const)(
    'when it was %s and the offer is active',
    async (outcome) => {
      await settled({ outcome })
      expect(await isSkippable()).toBe(true)
    }
  )

  it('when it was rejected, offer or not', async () => {
    await settleFeedRecords(sql, [record('x', { outcome: 'rejected' })])
    expect(await isSkippable()).toBe(true)
  })

  it.each(['stale', 'withdrawn', 'incomplete', 'retried', 'dead'] as const)(
    'not when it was %s',
    async (outcome) => {
      await settled({ outcome })
      expect(await isSkippable()).toBe(false)
    }
  )

  it.each(['withdrawn', 'incomplete'] as const)('not when the offer is %s', async (state) => {
    await settled({}, { state })
    expect(await isSkippable()).toBe(false)
  })

  it('not when there is no offer', async () => {
    await settleFeedRecords(sql, [record('x')])
    expect(await isSkippable()).toBe(false)
  })

  it('not when the format, the settings or the source are others, or the record', async () => {
    await settled()
    expect(await isSkippable()).toBe(true)
    expect(await isSkippable({ formatVersion: 2 })).toBe(false)
    expect(await isSkippable({ sourceRevision: 2 })).toBe(false)
    expect(await isSkippable({ sourceId: source.id + 1_000 })).toBe(false)
    expect(await isSkippable({ recordHashes: [hashOf('y')] })).toBe(false)
    expect(await isSkippable({ recordHashes: [] })).toBe(false)
  })

  describe('with its time from the file', () => {
    it.each([
      ['when another source changed the offer before it last stood', 5, true],
      ['not when another source changed it since: what it changed before may hide behind that', 50, false]
    ])('%s', async (_rule, seconds, skipped) => {
      await settled({ factAtFrom: 'file' }, otherSource(stampAt(seconds)))
      expect(await isSkippable()).toBe(skipped)
    })

    it('not when a newer fact overruled it, whoever said that', async () => {
      await settled(
        { factAtFrom: 'file' },
        { sourceStamps: { [source.slug]: stampAt(10), [OVERRULED]: stampAt(50) } }
      )
      expect(await isSkippable()).toBe(false)
    })

    it('when only this source changed it since', async () => {
      await settled({ factAtFrom: 'file' }, { sourceStamps: { [source.slug]: stampAt(50) } })
      expect(await isSkippable()).toBe(true)
    })
  })

  it('with a time of its own, whatever others did since: its stamp would be the same', async () => {
    await settled({ factAtFrom: 'record' }, otherSource(stampAt(50)))
    expect(await isSkippable()).toBe(true)
  })
})
