import { afterAll, beforeAll, expect, test } from 'vitest'
import { createChance, createDemoOffers, type DemoOffer } from '@sluice/examples/costa-demo'
import type { FeedRunRow } from '@sluice/prisma/tables/feed-runs'
import { findOffer } from '@sluice/prisma/tables/offers'
import { requestRun, type SourceRow } from '@sluice/prisma/tables/sources'
import { fromMessage, stampOf } from '@sluice/shared/envelope'
import { toStamp, type Stamp } from '@sluice/shared/stamp'
import { nowMicros, type Micros } from '@sluice/shared/time'
import { createFeedShop, kyero, type FeedShop } from './support/feed-shop.ts'
import { modelOf, type Told } from './support/model.ts'
import { waitFor } from './support/process.ts'
import { flat } from './support/workshop.ts'

/**
 * How old a file is nobody knows for sure: its server's clock, its exportLag and the dates of its records contradict each
 * other, and files are put back. The order in which they were fetched is sure.
 */

let shop: FeedShop
beforeAll(async () => {
  shop = await createFeedShop()
  await shop.startWorker() // it is stopped with the shop
})
afterAll(() => shop?.remove())

const MINUTE_MS = 60_000

/** A feed whose server says when its file was written. */
interface Dated {
  source: SourceRow
  offers: DemoOffer[]
  /** A run over a file with these offers, written so many minutes ago by its server's clock. */
  run: (offers: readonly DemoOffer[], writtenAgo?: number) => Promise<FeedRunRow>
  /** A run over the file as it is. */
  again: () => Promise<FeedRunRow>
}

let feeds = 0
const createDated = async (count: number, editedAgo: readonly number[] = []): Promise<Dated> => {
  const name = `t${(feeds += 1)}`
  const offers = createDemoOffers(count).map((offer, index) => ({
    ...offer,
    id: `${name}-${index}`,
    ...(editedAgo[index] === undefined ? {} : { updatedAt: wallClock(editedAgo[index]) })
  }))
  let file = { body: '', headers: {} }
  const address = shop.serve(`${name}.xml`, (_request, response) => {
    response.writeHead(200, file.headers).end(file.body)
  })
  const source = await shop.addFeed({ address, timeZone: 'UTC' })
  return {
    source,
    offers,
    run: (listed, writtenAgo) => {
      const headers =
        writtenAgo === undefined
          ? {}
          : { 'last-modified': new Date(Date.now() - writtenAgo * MINUTE_MS).toUTCString() }
      file = { body: kyero(listed), headers }
      return shop.runNow(source)
    },
    again: () => shop.runNow(source)
  }
}

/** So many minutes ago (ahead, if negative), on the clock on the wall in UTC. */
const wallClock = (minutesAgo: number): string =>
  new Date(Date.now() - minutesAgo * MINUTE_MS).toISOString().slice(0, 19).replace('T', ' ')

const stateOf = async ({ id }: { id: string }): Promise<string | undefined> =>
  (await findOffer(shop.database.db.sql, 'costa', id))?.state

const first = ([offer]: readonly DemoOffer[]): DemoOffer => {
  if (offer === undefined) throw new Error('a feed has offers')
  return offer
}

test.each([
  ['a minute before it was listed', 1],
  ['in the future, by a clock that is ahead', -90]
])('an offer that was edited %s goes with the first list without it', async (_name, editedAgo) => {
  const { offers, run, again } = await createDated(8, [editedAgo])
  await run(offers)
  expect(await run(offers.slice(1))).toMatchObject({ removals: 'sent', gone: 1, vanished: 1 })
  expect(await stateOf(first(offers))).toBe('withdrawn')
  expect(await again()).toMatchObject({ vanished: 0, unchangedSince: expect.any(String) as unknown })
  expect(await run(offers), 'and is back as it was').toMatchObject({ published: 1 })
  expect(await stateOf(first(offers))).toBe('active')
})

test('one that was left standing goes although the file does not change any more', async () => {
  const { source, offers, run, again } = await createDated(8)
  const { id: runId } = await run(offers)
  await run(offers.slice(0, 7))
  // A record that was on its way when the list without it was read.
  const at = nowMicros() - MINUTE_MS * 1000
  const late = {
    id: `${first(offers).id}-late`,
    type: 'villa',
    price: '1000',
    price_freq: 'sale',
    town: 'Nerja'
  }
  const envelope = {
    source: source.slug,
    format: 'kyero',
    lane: 'feed',
    run: runId,
    factAt: at,
    receivedAt: at
  } as const
  await shop.send(shop.message({ messageId: `${runId}.99`, ...envelope }, late, 0))
  await waitFor('the late record', async () => (await stateOf(late)) === 'active')
  expect(await again()).toMatchObject({ unchangedSince: expect.any(String) as unknown, vanished: 1 })
  expect(await stateOf(late)).toBe('withdrawn')
})

test('a list that was put back takes what it lacks when it is found again, and then nothing more', async () => {
  const { offers, run, again } = await createDated(8, [3000])
  await run(offers, 60)
  expect(await run(offers.slice(1), 2000)).toMatchObject({
    removals: 'none',
    gone: 1,
    vanished: 0,
    problems: [expect.objectContaining({ code: 'FEED_OLDER' })]
  })
  expect(await stateOf(first(offers))).toBe('active')
  expect(await again()).toMatchObject({ vanished: 1 })
  expect(await stateOf(first(offers))).toBe('withdrawn')
  expect(await again()).toMatchObject({ vanished: 0 })
})

test('it is found again also where its old records have it read once more', async () => {
  const { source, offers, run, again } = await createDated(8)
  await run(offers, 60)
  const older = offers.slice(1).map((offer) => ({ ...offer, price: 1, updatedAt: wallClock(9000) }))
  expect(await run(older, 2000)).toMatchObject({ vanished: 0 })
  await requestRun(shop.database.db.sql, source.id, { full: true })
  expect(await again()).toMatchObject({ removals: 'sent', vanished: 1, problems: [] })
  expect(await stateOf(first(offers))).toBe('withdrawn')
})

test('an old copy that a second server has between two files takes nothing', async () => {
  const { offers, run } = await createDated(8)
  await run(offers.slice(1), 75)
  await run(offers, 2)
  for (const _ of [1, 2]) {
    expect(await run(offers.slice(1), 75)).toMatchObject({ snapshot: 'complete', vanished: 0 })
    expect(await run(offers, 2)).toMatchObject({ snapshot: 'complete', removals: 'none', vanished: 0 })
    expect(await stateOf(first(offers))).toBe('active')
  }
})

test('an offer is back with an older record of it, in a file that was put back', async () => {
  const { offers, run } = await createDated(8, [1])
  await run(offers)
  await run(offers.slice(1))
  const older = { ...first(offers), updatedAt: wallClock(3000) }
  await run([older, ...offers.slice(1)], 2000)
  expect(await stateOf(older)).toBe('active')
})

test('what another source says later stays, how new a feed thinks it is', async () => {
  const { offers, run } = await createDated(8, [30])
  await run(offers, 5)
  const { id } = first(offers)
  // After the file was written, and before it was fetched.
  const at = nowMicros() - 2 * MINUTE_MS * 1000
  await shop.send(shop.message({ messageId: `w-${id}.0`, factAt: at, receivedAt: at }, flat(id), 0))
  await shop.waitForOutcomes(`w-${id}.0`)
  expect(await run(offers.slice(1), 4)).toMatchObject({ gone: 0 })
  expect(await stateOf(first(offers))).toBe('active')
})

/** Steps of a history: a list, and perhaps a webhook behind it. */
const STEPS = 8
const WEBHOOK_SHARE = 0.7
const EXPORT_LAG = 15 * MINUTE_MS * 1000

test.each([1, 2, 3, 4, 5, 6])(
  'a history of lists and webhooks ends as the model says, whatever their times are (seed %i)',
  async (seed) => {
    const chance = createChance(20_261_130 + seed)
    const feed = await createDated(8)
    const [steady, ...others] = feed.offers
    if (steady === undefined) throw new Error('a feed has offers')
    const tale = createTale(feed.offers)
    let listed: DemoOffer[] = []
    let writtenAgo: number | undefined

    const read = async (running: Promise<FeedRunRow>): Promise<void> => {
      const { state, receivedAt, unchangedSince, problems } = await running
      expect(state).toBe('done')
      const isDoubtful = problems.some(({ code }) => code === 'FEED_OLDER')
      if (unchangedSince !== undefined) tale.again()
      else if (receivedAt !== undefined) tale.list(listed, { receivedAt, writtenAgo, isDoubtful })
    }
    for (let step = 0; step < STEPS; step++) {
      const known = new Map(listed.map((offer) => [offer.id, offer]))
      listed = [steady, ...others.filter(() => chance.happens(0.6))].map((offer) =>
        chance.happens(0.4)
          ? { ...offer, price: offer.price + step, updatedAt: wallClock(chance.between(0, 40)) }
          : (known.get(offer.id) ?? offer)
      )
      writtenAgo = chance.happens(0.7) ? chance.between(0, 60) : undefined
      await read(feed.run(listed, writtenAgo))
      if (!chance.happens(WEBHOOK_SHARE)) continue
      const { id } = chance.oneOf(others)
      const messageId = `w-${id}-${step}.0`
      const factAt = nowMicros() - chance.between(0, 60) * MINUTE_MS * 1000
      const record = chance.happens(0.5) ? flat(id) : { id, change: 'withdraw' }
      const message = shop.message({ messageId, factAt, receivedAt: nowMicros() }, record, 0)
      await shop.send(message)
      await shop.waitForOutcomes(messageId)
      tale.hook(id, stampOf(fromMessage(message)), 'change' in record)
    }
    // A webhook may have woken up what the newest list does not hold, by a fact that is older than it.
    await read(feed.again())

    const states = feed.offers.map(async (offer) => [offer.id, await stateOf(offer)] as const)
    expect(Object.fromEntries(await Promise.all(states))).toEqual(tale.states())
  }
)

/** How a list was read. */
interface Read {
  receivedAt: Micros
  writtenAgo: number | undefined
  /** It is older than one before it, and seen for the first time. */
  isDoubtful: boolean
}

/** What lists and webhooks come to by the model. It is told of every record of every list, whether it is sent or not. */
const createTale = (offers: readonly DemoOffer[]) => {
  const told = new Map<string, Told[]>(offers.map(({ id }) => [id, []]))
  /** Since when the newest list is true, when it was fetched, and what it holds. */
  let listedSince: Micros = 0
  let newest: { receivedAt: Micros; held: ReadonlyMap<string, DemoOffer> } = {
    receivedAt: 0,
    held: new Map()
  }
  /** What the feed said last of an offer. */
  const saidAt = new Map<string, Micros>()
  const stamp = (factAt: Micros, ordinal: number): Stamp =>
    toStamp({ factAt, receivedAt: newest.receivedAt, ordinal, formatVersion: 1, recordHash: '' })
  const tell = (id: string, fact: Omit<Told, 'covers'>): void =>
    void told.get(id)?.push({ covers: [], ...fact })

  /** No older than the lists before it, and than what the feed itself has said of the offer. */
  const listedAt = (id: string): Micros => Math.max(listedSince, saidAt.get(id) ?? 0)
  const withdraw = (): void => {
    for (const { id } of offers) {
      if (newest.held.has(id) || !saidAt.has(id)) continue
      tell(id, { change: { kind: 'vanish' }, stamp: stamp(listedAt(id), 1) })
      saidAt.set(id, listedAt(id))
    }
  }

  return {
    list: (listed: readonly DemoOffer[], { receivedAt, writtenAgo, isDoubtful }: Read): void => {
      const writtenAt = writtenAgo === undefined ? receivedAt : receivedAt - writtenAgo * MINUTE_MS * 1000
      listedSince = Math.max(listedSince, writtenAt - EXPORT_LAG)
      newest = { receivedAt, held: new Map(listed.map((offer) => [offer.id, offer])) }
      for (const { id, updatedAt } of listed) {
        const editedAt = Date.parse(`${updatedAt.replace(' ', 'T')}Z`) * 1000
        const change = { kind: 'upsert' as const, units: {} }
        tell(id, { change, stamp: stamp(editedAt, 0), listedStamp: stamp(listedAt(id), 0) })
        saidAt.set(id, Math.max(saidAt.get(id) ?? 0, editedAt))
      }
      if (!isDoubtful) withdraw()
    },
    /** The newest list is found again. */
    again: withdraw,
    hook: (id: string, stamp: Stamp, isGone: boolean): void =>
      tell(id, { change: isGone ? { kind: 'withdraw' } : { kind: 'upsert', units: {} }, stamp }),
    /** An offer that nothing but a withdrawal was heard of is nobody's to see. */
    states: (): Record<string, string | undefined> =>
      Object.fromEntries(
        [...told].map(([id, facts]) => {
          const isKnown = facts.some(({ change: { kind } }) => kind === 'upsert')
          if (facts.length === 0) return [id, undefined]
          return [id, isKnown ? modelOf(facts).presence?.state : 'incomplete']
        })
      )
  }
}
