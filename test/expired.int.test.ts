import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Sql } from '@sluice/prisma/client'
import { settledOutcomes } from '@sluice/prisma/tables/feed-runs'
import { takeExpired } from '@sluice/prisma/tables/expiries'
import { listChanges } from '@sluice/prisma/tables/offer-changes'
import { findOffer } from '@sluice/prisma/tables/offers'
import { pauseSource, type SourceRow } from '@sluice/prisma/tables/sources'
import { createPublisher, createSession } from '@sluice/shared/broker'
import { toMessage } from '@sluice/shared/envelope'
import { createLogger } from '@sluice/shared/log'
import { nowMicros } from '@sluice/shared/time'
import { createExpiry, toExpired, type ExpiredDeps } from '../scheduler/src/expired.ts'
import { createFeedShop, type FeedShop } from './support/feed-shop.ts'
import { waitFor } from './support/process.ts'
import { flat } from './support/workshop.ts'

/** A record may say until when its offer is there: then that is withdrawn, whether a new file comes or not. */

let shop: FeedShop
let sql: Sql
beforeAll(async () => {
  shop = await createFeedShop()
  sql = shop.database.db.sql
  await shop.startWorker() // it is stopped with the shop
})
afterAll(() => shop?.remove())

const log = createLogger({ service: 'test', level: 'silent' })
const quiet = (): void => undefined
const never = new AbortController().signal
const HOUR_MS = 3_600_000
/** What a scheduler does with every tick; this one has been there for long. */
const sweeper = (deps: Partial<ExpiredDeps> = {}): (() => Promise<void>) => {
  const { publisher, database, broker } = shop
  const exchange = broker.topology.exchanges.records
  const awakeSince = performance.now() - 2 * HOUR_MS
  const expire = createExpiry({ db: database.db, publisher, exchange, awakeSince, log, ...deps })
  return () => expire(never)
}
const sweep = (deps?: Partial<ExpiredDeps>): Promise<void> => sweeper(deps)()

const offer = (id: string, until: Date | undefined, price = 1000): string => `
  <offer internal-id="${id}"><type>sale</type><category>house</category>
    <last-update-date>2026-11-01T00:00:00Z</last-update-date>
    ${until === undefined ? '' : `<expire-date>${until.toISOString()}</expire-date>`}
    <location><country>BG</country></location><price><value>${price}</value><currency>EUR</currency></price>
  </offer>`
const file = (...offers: readonly string[]): string => `<realty-feed>${offers.join('')}</realty-feed>`
const inMs = (ms: number): Date => new Date(Date.now() + ms)
const LATER_MS = HOUR_MS

let feeds = 0
/** A feed over a file with one offer, of the id that is given. */
const listing = async (until: Date | undefined) => {
  const id = `e${(feeds += 1)}`
  const name = `${id}.xml`
  const source = await shop.addFeed({
    format: 'yandex-yrl',
    exportLagMs: 0,
    address: await shop.write(name, file(offer(id, until)))
  })
  const run = () => shop.runNow(source)
  const write = (...offers: readonly string[]) => shop.write(name, file(...offers))
  await run()
  return { id, source, run, write }
}
const presenceOf = async (id: string): Promise<unknown> =>
  (await findOffer(sql, 'costa', id))?.content.presence
const ACTIVE = { state: 'active' }
const EXPIRED = { state: 'withdrawn', reason: 'expired' }
const noted = async (id: string): Promise<number> =>
  (await shop.query<{ id: string }>(`SELECT external_id AS id FROM expiries WHERE external_id = '${id}'`))
    .length
/** As if the time had come, so long ago. */
const over = (id: string, ago = '1 second'): Promise<unknown> =>
  shop.query(`UPDATE expiries SET expires_at = now() - interval '${ago}' WHERE external_id = '${id}'`)
const due = (source: SourceRow): Promise<unknown> =>
  shop.query(`UPDATE sources SET next_run_at = now() WHERE id = ${source.id}`)
/** As if its runs had been on the day before. */
const longAgo = (source: SourceRow): Promise<unknown> =>
  shop.query(
    `UPDATE feed_runs SET started_at = started_at - interval '1 day', finished_at = finished_at - interval '1 day'
     WHERE source_id = ${source.id}`
  )
const untilExpired = (id: string): Promise<unknown> =>
  waitFor(`${id} to be withdrawn`, async () => (await findOffer(sql, 'costa', id))?.state === 'withdrawn')

describe('an offer with an expiry date', () => {
  test('is withdrawn when that has come, once, however many schedulers say so; its file is read no more for it', async () => {
    const { id, run, write } = await listing(inMs(1_500))
    expect(await presenceOf(id)).toEqual(ACTIVE)
    await waitFor(`${id} to expire`, async () => {
      await Promise.all([sweep(), sweep(), sweep()])
      return (await findOffer(sql, 'costa', id))?.state === 'withdrawn'
    })
    expect(await presenceOf(id)).toEqual(EXPIRED)
    const changes = await listChanges(sql, 'costa', id)
    expect(changes.map(({ kind }) => kind)).toEqual(['withdrawn', 'created'])
    await sweep()
    expect(await noted(id)).toBe(0)

    expect(await run()).toMatchObject({ unchangedSince: expect.any(String) as unknown, vanished: 0 })
    await write(offer(id, new Date('2001-01-01')))
    const again = await run()
    expect(await settledOutcomes(sql, again.id), 'still listed, and over').toMatchObject({ unchanged: 1 })
    expect(await presenceOf(id)).toEqual(EXPIRED)
  })

  test('that is moved is there until the new one', async () => {
    const { id, run, write } = await listing(inMs(LATER_MS))
    await over(id)
    await sweep()
    await untilExpired(id)
    await write(offer(id, inMs(2 * LATER_MS)))
    await run()
    expect(await presenceOf(id)).toEqual(ACTIVE)
    expect(await noted(id)).toBe(1)
  })

  test('that is over when it is read is withdrawn from the start, with all its record says', async () => {
    const { id } = await listing(inMs(-LATER_MS))
    expect(await findOffer(sql, 'costa', id)).toMatchObject({
      state: 'withdrawn',
      content: { presence: EXPIRED, listPrice: { amount: '1000' } }
    })
    expect(await noted(id)).toBe(0)
  })

  test('without one is there for good', async () => {
    const { id } = await listing(undefined)
    await sweep()
    expect(await presenceOf(id)).toEqual(ACTIVE)
  })

  test('stays if another source said later that it is there, be that applied before or after the time', async () => {
    const hook = async (id: string): Promise<void> => {
      // After the record, and before its time is over.
      const at = nowMicros() - 60_000_000
      await shop.send(shop.message({ messageId: `w-${id}.0`, factAt: at, receivedAt: at }, flat(id), 0))
      await shop.waitForOutcomes(`w-${id}.0`)
    }
    const before = await listing(inMs(LATER_MS))
    await hook(before.id)
    await over(before.id)
    await sweep()
    expect(await noted(before.id), 'it decides nothing any more').toBe(0)
    expect(await presenceOf(before.id)).toEqual(ACTIVE)

    const after = await listing(inMs(LATER_MS))
    await over(after.id)
    await sweep()
    await untilExpired(after.id)
    await hook(after.id)
    expect(await presenceOf(after.id)).toEqual(ACTIVE)
  })

  test('that was withdrawn for another reason keeps it', async () => {
    const { id } = await listing(inMs(LATER_MS))
    const at = nowMicros()
    const sold = { id, change: 'withdraw', reason: 'sold' }
    await shop.send(shop.message({ messageId: `s-${id}.0`, factAt: at, receivedAt: at }, sold, 0))
    await shop.waitForOutcomes(`s-${id}.0`)
    await over(id)
    await sweep()
    expect(await presenceOf(id)).toEqual({ state: 'withdrawn', reason: 'sold' })
  })
})

describe('of a feed that is due', () => {
  /** Whether the word that it is over was sent. */
  const isSaid = async (id: string): Promise<boolean> =>
    (await shop.query(`SELECT FROM expiries WHERE external_id = '${id}' AND sent_at IS NOT NULL`)).length > 0

  test('it stays until the first run behind its time is over: that may bring a later one', async () => {
    const { id, source, run } = await listing(inMs(LATER_MS))
    await longAgo(source)
    await over(id)
    await due(source)
    await sweep()
    expect(await isSaid(id)).toBe(false)
    await run()
    await due(source)
    await sweep()
    await untilExpired(id)
  })

  test('it stays for an hour at most, and not if the feed is paused', async () => {
    const [old, paused] = [await listing(inMs(LATER_MS)), await listing(inMs(LATER_MS))]
    for (const { source } of [old, paused]) {
      await longAgo(source)
      await due(source)
    }
    await over(old.id, '61 minutes')
    await over(paused.id)
    await pauseSource(sql, paused.source.slug)
    await sweep()
    await untilExpired(old.id)
    await untilExpired(paused.id)
  })

  test('it stays when a scheduler comes back long after its time, and the file has moved that', async () => {
    const { id, source, write } = await listing(inMs(LATER_MS))
    await write(offer(id, inMs(2 * LATER_MS)))
    await longAgo(source)
    await due(source)
    await over(id, '3 hours')
    await sweep({ awakeSince: performance.now() })
    expect(await isSaid(id)).toBe(false)
    const scheduler = await shop.startScheduler()
    await shop.runWhen(source, ({ state, published }) => state === 'done' && published === 1)
    await scheduler.stop()
    expect(await presenceOf(id)).toEqual(ACTIVE)
    expect((await listChanges(sql, 'costa', id)).map(({ kind }) => kind)).toEqual(['created'])
  })
})

describe('the word that it is over', () => {
  const taken = async (id: string) => {
    await over(id)
    const offers = await takeExpired(sql, { limit: 100, awakeMs: 2 * HOUR_MS })
    const mine = offers.find(({ externalId }) => externalId === id)
    if (mine === undefined) throw new Error(`${id} was not to be taken`)
    return mine
  }

  test('is one fact, however often it arrives', async () => {
    const { id } = await listing(inMs(LATER_MS))
    const word = toMessage(toExpired(await taken(id)), shop.broker.topology.exchanges.records)
    await shop.send(word, word, word)
    await untilExpired(id)
    expect(await listChanges(sql, 'costa', id)).toHaveLength(2)
  })

  test('is sent by one at a time, and again when its sender has died', async () => {
    const { id } = await listing(inMs(LATER_MS))
    await taken(id)
    await sweep()
    expect(await presenceOf(id), 'somebody has it').toEqual(ACTIVE)
    await shop.query(
      `UPDATE expiries SET sent_at = sent_at - interval '31 minutes' WHERE external_id = '${id}'`
    )
    await sweep()
    await untilExpired(id)
  })

  test('is sent with the next look when the broker did not take it', async () => {
    const { id } = await listing(inMs(LATER_MS))
    await over(id)
    await sweep({ publisher: { publish: () => Promise.reject(new Error('the broker is away')) } })
    expect(await presenceOf(id)).toEqual(ACTIVE)
    expect(await noted(id)).toBe(1)
    await sweep()
    await untilExpired(id)
  })

  test('of an outage one warning is enough', async () => {
    const { id } = await listing(inMs(LATER_MS))
    await over(id)
    let isAway = true
    const warned: unknown[] = []
    const tick = sweeper({
      publisher: {
        publish: async (...message) => {
          if (isAway) throw new Error('the broker is away')
          await shop.publisher.publish(...message)
        }
      },
      log: { debug: quiet, info: quiet, warn: (...words: unknown[]) => void warned.push(words) }
    })
    await tick()
    await tick()
    expect(warned).toHaveLength(1)
    isAway = false
    await tick()
    await untilExpired(id)
    await over((await listing(inMs(LATER_MS))).id)
    isAway = true
    await tick()
    expect(warned).toHaveLength(2)
  })

  test('waits for room when the broker has its hands full', async () => {
    const offers = [
      await listing(inMs(LATER_MS)),
      await listing(inMs(LATER_MS)),
      await listing(inMs(LATER_MS))
    ]
    for (const { id } of offers) await over(id)
    const session = createSession({ url: shop.broker.url, name: 'narrow', log })
    const narrow = createPublisher(session, { log, window: 1 })
    session.start()
    expect(await narrow.whenReady(10_000)).toBe(true)
    await sweep({ publisher: narrow })
    for (const { id } of offers) await untilExpired(id)
    await session.close()
  })

  test('waits while thousands are under way: the queue is everybody’s', async () => {
    const { id, source } = await listing(inMs(LATER_MS))
    await over(id)
    const others = `source_id = ${source.id} AND external_id LIKE 'other%'`
    await shop.query(`
      INSERT INTO expiries (source_id, external_id, stamp, expires_at, sent_at)
      SELECT ${source.id}, 'other' || n, 'x', now(), now() FROM generate_series(1, 5000) n`)
    expect(await takeExpired(sql, { limit: 10, awakeMs: 2 * HOUR_MS })).toEqual([])
    await shop.query(`DELETE FROM expiries WHERE ${others} AND external_id <= 'other2'`)
    expect(
      (await takeExpired(sql, { limit: 10, awakeMs: 2 * HOUR_MS })).map(({ externalId }) => externalId)
    ).toEqual([id])
    await shop.query(`DELETE FROM expiries WHERE ${others}`)
  })

  test('is sent by a scheduler by itself', async () => {
    const { id } = await listing(inMs(LATER_MS))
    const scheduler = await shop.startScheduler()
    await over(id)
    await untilExpired(id)
    await scheduler.stop()
  })
})

test('a webhook’s record expires as well', async () => {
  const record = {
    '@internal-id': 'hooked',
    type: 'sale',
    category: 'house',
    'expire-date': inMs(LATER_MS).toISOString(),
    location: { country: 'BG' },
    price: { value: '1000', currency: 'EUR' }
  }
  const envelope = { messageId: 'hooked.0', format: 'yandex-yrl', externalId: 'hooked' }
  await shop.send(shop.message(envelope, { ...record, id: 'hooked' }, 0))
  await shop.waitForOutcomes('hooked.0')
  await over('hooked')
  await sweep()
  await untilExpired('hooked')
  expect(await presenceOf('hooked')).toEqual(EXPIRED)
})
