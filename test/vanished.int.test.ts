import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { createDemoOffers, type DemoOffer } from '@sluice/examples/costa-demo'
import type { Sql } from '@sluice/prisma/client'
import {
  claimRun,
  findRun,
  listRuns,
  settledOutcomes,
  type FeedRunRow
} from '@sluice/prisma/tables/feed-runs'
import { listChanges } from '@sluice/prisma/tables/offer-changes'
import { findOffer } from '@sluice/prisma/tables/offers'
import { answerPending, closeEarlier } from '@sluice/prisma/tables/removals'
import { markSeen } from '@sluice/prisma/tables/run-seen'
import { pauseSource, requestRun, resumeSource, type SourceRow } from '@sluice/prisma/tables/sources'
import { findFormat, type Gone } from '@sluice/shared/formats'
import { createLogger } from '@sluice/shared/log'
import { loadSchedulerConfig } from '../scheduler/src/config.ts'
import { createBooks, createLedger } from '../scheduler/src/ledger.ts'
import { readSpooled } from '../scheduler/src/read-spooled.ts'
import { countUnreadable } from '../scheduler/src/unreadable.ts'
import { withdrawVanished } from '../scheduler/src/vanished.ts'
import { sluice } from './support/cli.ts'
import { createFeedShop, kyero, type FeedShop } from './support/feed-shop.ts'

/** What is missing from a feed is withdrawn – if, and only if, its file proves that it is a whole list. */

let shop: FeedShop
let sql: Sql
beforeAll(async () => {
  shop = await createFeedShop()
  sql = shop.database.db.sql
  await shop.startWorker() // it is stopped with the shop
})
afterAll(() => shop?.remove())

/** A feed with offers of its own. */
interface Feed {
  source: SourceRow
  offers: DemoOffer[]
  /** A run over a file with these offers, or over the file as it is. */
  run: (content?: readonly DemoOffer[] | string) => Promise<FeedRunRow>
  /** The numbers of those that are withdrawn. */
  withdrawn: () => Promise<number[]>
}

let feeds = 0
const createFeed = async (count: number, prefix = `f${(feeds += 1)}`): Promise<Feed> => {
  const name = `${prefix}-${(feeds += 1)}.xml`
  const offers = createDemoOffers(count).map((offer, index) => ({ ...offer, id: `${prefix}-${index}` }))
  const source = await shop.addFeed({ address: await shop.write(name, kyero(offers)), exportLagMs: 0 })
  return {
    source,
    offers,
    run: async (content) => {
      if (content !== undefined) {
        await shop.write(name, typeof content === 'string' ? content : kyero(content))
      }
      return shop.runNow(source)
    },
    withdrawn: async () => {
      const rows = await shop.query<{ id: string }>(
        `SELECT external_id AS id FROM offers WHERE state = 'withdrawn' AND external_id LIKE '${prefix}-%'`
      )
      return rows.map(({ id }) => Number(id.slice(prefix.length + 1))).toSorted((a, b) => a - b)
    }
  }
}
const without = (offers: readonly DemoOffer[], ...indexes: number[]): DemoOffer[] =>
  offers.filter((_, index) => !indexes.includes(index))
const undated = (offers: readonly DemoOffer[]): string =>
  kyero(offers).replaceAll(/ *<date>.*<\/date>\n/g, '')
const stateOf = async (id: string): Promise<string | undefined> => (await findOffer(sql, 'costa', id))?.state

let feed: Feed
beforeEach(async () => {
  feed = await createFeed(20)
})

describe('a whole list', () => {
  test.each([
    ['that know their own time', kyero],
    ['that do not', undated]
  ])(
    'withdraws what it does not hold, and has back what it holds again: records %s',
    async (_name, toFile) => {
      const { offers } = feed
      expect(await feed.run(toFile(offers))).toMatchObject({
        state: 'done',
        removals: 'none',
        known: 0,
        vanished: 0
      })

      const run = await feed.run(toFile(without(offers, 3, 7)))
      expect(run).toMatchObject({
        state: 'done',
        removals: 'sent',
        known: 20,
        gone: 2,
        vanished: 2,
        published: 0
      })
      expect(await settledOutcomes(sql, run.id)).toMatchObject({ withdrawn: 2, created: 0 })
      expect(await feed.withdrawn()).toEqual([3, 7])
      expect(await findOffer(sql, 'costa', offers[3]?.id ?? '')).toMatchObject({
        content: { presence: { state: 'withdrawn', reason: 'vanished' } }
      })

      const back = await feed.run(toFile(offers))
      expect(back, 'the same bytes').toMatchObject({ skipped: 18, published: 2 })
      expect(await settledOutcomes(sql, back.id)).toMatchObject({ updated: 2, withdrawn: 0 })
      expect(await feed.withdrawn()).toEqual([])
      expect(await feed.run(`${toFile(offers)}\n`), 'and known again').toMatchObject({ skipped: 20 })
      const changes = await listChanges(sql, 'costa', offers[3]?.id ?? '')
      expect(changes.map(({ kind }) => kind)).toEqual(['updated', 'withdrawn', 'created'])
    }
  )

  test('is compared once: the same file again withdraws nothing more', async () => {
    await feed.run()
    await feed.run(without(feed.offers, 1))
    expect(await feed.run()).toMatchObject({
      state: 'done',
      vanished: 0,
      unchangedSince: expect.any(String) as unknown
    })
    expect(await feed.run(`${kyero(without(feed.offers, 1))}\n`)).toMatchObject({
      removals: 'none',
      vanished: 0
    })
    expect(await listChanges(sql, 'costa', feed.offers[1]?.id ?? '')).toHaveLength(2)
  })

  test('that was put back from yesterday has its offers again', async () => {
    const { offers } = feed
    const at = (day: number) => ({ 'last-modified': new Date(Date.UTC(2026, 9, day)).toUTCString() })
    let file = { body: kyero(offers), headers: at(1) }
    const address = shop.serve('restored.xml', (_request, response) =>
      response.writeHead(200, file.headers).end(file.body)
    )
    const source = await shop.addFeed({ address })
    await shop.runNow(source)
    file = { body: kyero(without(offers, 0)), headers: at(2) }
    await shop.runNow(source)
    expect(await stateOf(offers[0]?.id ?? '')).toBe('withdrawn')
    file = { body: kyero(offers), headers: at(1) }
    await shop.runNow(source)
    expect(await stateOf(offers[0]?.id ?? '')).toBe('active')
  })

  test('does not take what another feed of the vendor lists, until that lists it no more', async () => {
    const other = await createFeed(20, feed.offers[0]?.id.split('-')[0])
    await feed.run()
    await other.run()
    expect(await feed.run(without(feed.offers, 5, 6))).toMatchObject({ gone: 0, removals: 'none' })
    expect(await other.run(without(other.offers, 5))).toMatchObject({ gone: 1, removals: 'sent' })
    expect(await feed.withdrawn()).toEqual([5])
  })

  test('takes what only a paused feed lists, and that brings it back once it is resumed', async () => {
    const other = await createFeed(20, feed.offers[0]?.id.split('-')[0])
    await feed.run()
    await other.run()
    await pauseSource(sql, other.source.slug)
    expect(await feed.run(without(feed.offers, 5))).toMatchObject({ gone: 1, removals: 'sent' })
    expect(await feed.withdrawn()).toEqual([5])
    await resumeSource(sql, other.source.slug)
    // The bytes are those it was last read with.
    expect(await other.run(other.offers)).toMatchObject({ state: 'done', published: 1 })
    expect(await feed.withdrawn()).toEqual([])
  })

  test('holds a record that is broken, as long as its id can be read', async () => {
    await feed.run()
    const broken = kyero(without(feed.offers, 9)).replace('</type>', '')
    expect(await feed.run(broken)).toMatchObject({ malformed: 1, removals: 'sent', gone: 1 })
    expect(await feed.withdrawn()).toEqual([9])
  })

  test('does not undo what is newer than its file', async () => {
    await feed.run()
    const id = feed.offers[4]?.id ?? ''
    const later = Date.now() / 1000 + 60 - 1_700_000_000
    const record = { ...flatOf(id), price: { amount: 1, currency: 'EUR' } }
    await shop.send(
      shop.message({ messageId: `w-${id}`, receivedAt: (Date.now() + 60_000) * 1000 }, record, later)
    )
    await shop.waitForOutcomes(`w-${id}`)
    expect(await feed.run(without(feed.offers, 4))).toMatchObject({ removals: 'none', gone: 0 })
    expect(await stateOf(id)).toBe('active')
  })

  test('closes with what was still on its way when it was read', async () => {
    await feed.run()
    const id = feed.offers[2]?.id ?? ''
    await shop.query(`UPDATE feed_records SET outcome = 'retried' WHERE external_id = '${id}'`)
    await shop.query(`DELETE FROM offers WHERE external_id = '${id}'`)
    expect(await feed.run(without(feed.offers, 2))).toMatchObject({ gone: 1, vanished: 1 })
    expect(await stateOf(id), 'its record may still come').toBe('incomplete')
  })
})

describe('nothing is withdrawn', () => {
  beforeEach(() => feed.run())
  const whole = (): string => kyero(feed.offers)

  test.each<[string, () => string]>([
    ['an empty body', () => ''],
    ['an error page', () => '<!DOCTYPE html><html><body>Please log in</body></html>'],
    ['a file that is cut', () => whole().slice(0, -40)],
    ['a file with a record without an id', () => whole().replace(/<id>.*-4<\/id>/, '')],
    ['a file with a record that is broken before its id', () => whole().replace('<id>', '</b><id>')],
    ['a file with something behind its end', () => `${kyero(without(feed.offers, 4))}<b>Notice</b>`]
  ])('by %s', async (_name, content) => {
    expect(await feed.run(content())).not.toHaveProperty('removals')
    expect(await feed.withdrawn()).toEqual([])
  })

  test.each(['verb-in-record', 'expiry-date', 'explicit-call'] as const)(
    'by a whole file of a format in which absence means nothing: %s',
    async (gone) => {
      const format = findFormat('kyero')
      if (format?.feed === undefined) throw new Error('the format kyero has no feed')
      const path = await shop.write('one-less.xml', kyero(without(feed.offers, 4)))
      const list = async (of: Gone): Promise<unknown> => {
        const [run] = await listRuns(sql, { sourceSlug: feed.source.slug, limit: 1 })
        if (run === undefined || format.feed === undefined) throw new Error('the feed has run')
        const ledger = createBooks()
        const read = await readSpooled({
          db: shop.database.db,
          sql: shop.database.db.direct.sql,
          looksAhead: true,
          config: loadSchedulerConfig({ ...shop.schedulerEnv }),
          run: { id: run.id, full: false },
          source: feed.source,
          format: { ...format, feed: { ...format.feed, gone: of } },
          receivedAt: Date.now() * 1000,
          ledger,
          unreadable: countUnreadable(ledger),
          outlet: { send: nothing, flush: nothing, close: () => undefined },
          fetched: { bodies: [{ path, bytes: 1, sha256: '' }], bytes: 1, sha256: '' },
          signal: new AbortController().signal
        })
        expect(read.reading).toEqual({ snapshot: 'complete' })
        return read.list
      }
      expect(await list('absent-from-snapshot')).toMatchObject({ records: 19 })
      expect(await list(gone)).toBeUndefined()
    }
  )

  test('by a list without a record, however few would go', async () => {
    expect(await feed.run('<root></root>')).toMatchObject({ removals: 'pending', removalsCode: 'GONE_ALL' })
    expect(await feed.withdrawn()).toEqual([])
  })

  test('by a list of which much more is rejected than usual', async () => {
    const broken = kyero(without(feed.offers, 0)).replaceAll(/<price>\d+/g, '<price>a lot')
    expect(await feed.run(broken)).toMatchObject({ removals: 'pending', removalsCode: 'REJECTED_TOO_MANY' })
    expect(await feed.run(`${broken}\n`), 'and not by the second one either').toMatchObject({
      removals: 'pending'
    })
    expect(await feed.withdrawn()).toEqual([])
    expect(await feed.run(without(feed.offers, 0))).toMatchObject({ removals: 'sent', vanished: 1 })
  })

  test('by a run that was taken over, and it knows that its marks are gone because of that', async () => {
    const { source } = feed
    await requestRun(sql, source.id)
    const { db } = shop.database
    const run = await db.transaction((tx) =>
      claimRun(tx, { sourceId: source.id, leaseToken: 'frozen', leaseMs: 1 })
    )
    if (run === undefined) throw new Error('it was due')
    await markSeen(sql, run.id, [feed.offers[0]?.id ?? ''])
    expect(await feed.run(), 'the run that takes over').toMatchObject({ state: 'done' })

    const log = createLogger({ service: 'test', level: 'silent' })
    const ledger = createLedger({ db, run, leaseMs: 1, log })
    const { publisher, broker } = shop
    const exchange = broker.topology.exchanges.records
    const [credit, signal] = [{ take: nothing, settled: nothing }, ledger.signal]
    const format = { name: 'kyero', formatVersion: 1 }
    const withdrawal = withdrawVanished(
      { db, publisher, exchange, run, source, format, ledger, credit, signal, log },
      { runId: run.id, factAt: 1, receivedAt: 1, records: 1, unseen: 0, isDoubtful: false }
    )
    await expect(withdrawal).rejects.toMatchObject({ code: 'RUN_SUPERSEDED' })
    await ledger.stop()
  })
})

describe('removals that are pending', () => {
  const answer = (run: FeedRunRow, word: 'released' | 'dismissed') =>
    shop.database.db.transaction((tx) => answerPending(tx, run.id, word, 'ann'))
  const FEW = [0, 1, 2, 3, 4]
  let pending: FeedRunRow

  beforeEach(async () => {
    await feed.run()
    pending = await feed.run(feed.offers.slice(0, 5))
    expect(pending).toMatchObject({
      removals: 'pending',
      removalsCode: 'GONE_TOO_MANY',
      known: 20,
      gone: 15,
      vanished: 0
    })
    expect(pending.removalsReason).toContain('15 of 20 offers')
    expect(await feed.withdrawn()).toEqual([])
  })

  test('are carried out by the run after the release', async () => {
    const say = (...args: string[]) => sluice(['runs', ...args], { env: { DATABASE_URL: shop.database.url } })
    const shown = await say('show', pending.id)
    expect(shown.stdout).toContain(
      '15 of 20 offers are gone, more than 30 % and more than 10 (GONE_TOO_MANY)'
    )
    expect(shown.stdout).toContain(feed.offers[19]?.id)
    expect((await say('release', feed.source.slug, '--by', 'ann')).stdout).toContain('Released: 15 offers')
    expect((await say('dismiss', pending.id)).stderr).toContain('REMOVALS_NOT_PENDING')
    const run = await feed.run()
    expect(run).toMatchObject({ state: 'done', unchangedSince: pending.id, vanished: 15 })
    expect(await feed.withdrawn()).toHaveLength(15)
    expect(await findRun(sql, pending.id)).toMatchObject({
      removals: 'sent',
      removalsBy: 'ann',
      removalsRunId: run.id
    })
    expect(await feed.run()).toMatchObject({ vanished: 0 })
  })

  test('and released while another run was concluding are left for the run after it', async () => {
    const concluding = await feed.run('')
    await answer(pending, 'released')
    await shop.database.db.transaction((tx) =>
      closeEarlier(tx, feed.source.id, { runId: concluding.id, releasedId: undefined })
    )
    expect(await findRun(sql, pending.id)).toMatchObject({ removals: 'released' })
    expect(await feed.run(feed.offers.slice(0, 5))).toMatchObject({ vanished: 15 })
    expect(await findRun(sql, pending.id)).toMatchObject({ removals: 'sent' })
  })

  test('are carried out although the feed cannot be had any more', async () => {
    await answer(pending, 'released')
    expect(await feed.run('')).toMatchObject({ state: 'failed', vanished: 15 })
    expect(await feed.withdrawn()).toHaveLength(15)
  })

  test('are not carried out for what has been seen since, even in a file that is no list', async () => {
    await feed.run(kyero(feed.offers.slice(0, 12)).slice(0, -20))
    expect(await feed.withdrawn()).toEqual([])
    await answer(pending, 'released')
    expect(await feed.run('')).toMatchObject({ vanished: 9 })
    expect(await feed.withdrawn()).toEqual([11, 12, 13, 14, 15, 16, 17, 18, 19])
  })

  test('and released late take nothing that the next list holds; what it lacks besides is judged anew', async () => {
    await answer(pending, 'released')
    expect(await feed.run(feed.offers.slice(5, 10))).toMatchObject({
      removals: 'sent',
      gone: 15,
      vanished: 15
    })
    expect(await feed.withdrawn(), 'five more than were released').toEqual([...FEW, ...range(10, 20)])
  })

  test('and what goes beyond a release waits for another one', async () => {
    const { source, run, offers, withdrawn } = await createFeed(60)
    await run()
    const first = await run(offers.slice(20))
    await answer(first, 'released')
    expect(await run(offers.slice(45))).toMatchObject({ removals: 'pending', gone: 45, vanished: 20 })
    expect(await withdrawn()).toEqual(range(0, 20))
    expect(await findRun(sql, first.id)).toMatchObject({ removals: 'sent' })
    await shop.query(`UPDATE sources SET hold_share = 1 WHERE id = ${source.id}`)
    expect(await run(`${kyero(offers.slice(45))}\n`)).toMatchObject({ removals: 'sent', vanished: 25 })
  })

  test('stay offers when they are dismissed, and go when they come back and leave by the day', async () => {
    expect(await answer(pending, 'dismissed')).toBe(true)
    expect(await answer(pending, 'released'), 'too late').toBe(false)
    await feed.run()
    expect(await feed.withdrawn()).toEqual([])
    expect(await feed.run(feed.offers.slice(0, 15))).toMatchObject({ removals: 'sent', gone: 5 })
  })

  test('are replaced by the word of a newer list, and cannot be released then', async () => {
    expect(await feed.run()).toMatchObject({ unchangedSince: pending.id, vanished: 0 })
    await feed.run(feed.offers)
    expect(await findRun(sql, pending.id)).toMatchObject({ removals: 'replaced' })
    expect(await answer(pending, 'released')).toBe(false)
  })
})

const range = (from: number, to: number): number[] =>
  Array.from({ length: to - from }, (_, index) => from + index)

const nothing = (): Promise<void> => Promise.resolve()

const flatOf = (id: string) => ({
  id,
  transaction: 'sale',
  property: { type: 'apartment' },
  location: { country: 'Spain', city: 'Nerja' }
})
