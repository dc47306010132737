import { existsSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createDemoOffers, toKyero, type DemoOffer } from '@sluice/examples/costa-demo'
import { findRun, listRuns, type FeedRunRow } from '@sluice/prisma/tables/feed-runs'
import { countOffers, findOffer, type OfferRow } from '@sluice/prisma/tables/offers'
import { listChanges } from '@sluice/prisma/tables/offer-changes'
import { listRejections } from '@sluice/prisma/tables/rejections'
import { createSource, requestRun, type SourceRow } from '@sluice/prisma/tables/sources'
import { createVendor } from '@sluice/prisma/tables/vendors'
import { createTestBroker, type TestBroker } from './support/broker.ts'
import { createDatabase, type TestDatabase } from './support/database.ts'
import { addKey } from './support/gateway.ts'
import { createHouse, type GatewayProcess, type House } from './support/house.ts'
import { ROOT, waitFor } from './support/process.ts'
import { services } from './support/services.ts'

/** The whole house as processes: two gateways, one scheduler, two workers. */

const VENDOR = 'costa'
const HOOK = 'costa-crm'
const SAMPLES = join(ROOT, '../shared/samples/kyero')
const OFFERS = 300

let broker: TestBroker
let database: TestDatabase
let house: House
let gateways: [GatewayProcess, GatewayProcess]
let vendorId: number
let apiKey: string
let folder: string

beforeAll(async () => {
  ;[broker, database, folder] = await Promise.all([
    createTestBroker(),
    createDatabase(),
    mkdtemp(join(tmpdir(), 'sluice-house-'))
  ])
  const { sql } = database.db
  vendorId = must(await createVendor(sql, { slug: VENDOR, name: 'Costa' })).id
  const hook = must(
    await createSource(sql, {
      vendorId,
      slug: HOOK,
      kind: 'webhook',
      format: 'sluice',
      timeZone: 'Europe/Madrid'
    })
  )
  apiKey = (await addKey(database.db, hook.id)).key
  house = await createHouse({
    databaseUrl: database.url,
    rabbitUrl: broker.url,
    redisUrl: services.redisUrl,
    namespace: broker.namespace
  })
  const [first, second] = await Promise.all([
    house.startGateway(),
    house.startGateway(),
    house.startScheduler(),
    house.startWorker(),
    house.startWorker()
  ])
  gateways = [first, second]
}, 60_000)

afterAll(async () => {
  try {
    await house?.stop()
  } finally {
    await broker?.remove()
    await database?.drop()
    if (folder !== undefined) await rm(folder, { recursive: true })
  }
})

const must = <T>(value: T | undefined): T => {
  if (value === undefined) throw new Error('the database is not fresh')
  return value
}

const feed = async (slug: string, address: string, timeZone = 'Europe/Madrid'): Promise<SourceRow> =>
  must(
    await createSource(database.db.sql, { vendorId, slug, kind: 'feed', format: 'kyero', timeZone, address })
  )

/** Runs a feed to its end, and waits until whatever it published has been settled. */
const runFeed = async (source: SourceRow): Promise<FeedRunRow> => {
  const { sql } = database.db
  const [before] = await listRuns(sql, { sourceSlug: source.slug, limit: 1 })
  await requestRun(sql, source.id)
  return waitFor(`a run of ${source.slug} to end`, async () => {
    const [run] = await listRuns(sql, { sourceSlug: source.slug, limit: 1 })
    if (run === undefined || run.id === before?.id || run.finishedAt === undefined) return undefined
    return findRun(sql, run.id)
  })
}

/** Sends as a CRM does: 503 means again. */
const post = (gateway: GatewayProcess, record: object): Promise<string> =>
  waitFor('a delivery to be accepted', async () => {
    const response = await fetch(`${gateway.url}/webhooks/${HOOK}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-api-key': apiKey },
      body: JSON.stringify(record)
    })
    const answer = (await response.json()) as { id: string }
    if (response.status === 503) return undefined
    expect(response.status, JSON.stringify(answer)).toBe(202)
    return `${answer.id}.0`
  })

const outcomesOf = (...messageIds: readonly string[]): Promise<string[]> =>
  waitFor(`the outcomes of ${messageIds.length} deliveries`, async () => {
    const rows = await database.db.sql.$queryRaw<{ id: string; outcome: string }[]>`
      SELECT message_id AS id, outcome FROM deliveries WHERE message_id = ANY(${messageIds})`
    const outcomes = new Map(rows.map(({ id, outcome }) => [id, outcome]))
    return outcomes.size === messageIds.length && messageIds.map((id) => outcomes.get(id) ?? '')
  })

const offer = async (id: string): Promise<OfferRow> => must(await findOffer(database.db.sql, VENDOR, id))

const flat = (id: string, updatedAt: string, amount = '200000') => ({
  id,
  updatedAt,
  transaction: 'sale',
  property: { type: 'apartment' },
  price: { amount, currency: 'EUR' },
  location: { country: 'Spain', city: 'Nerja' }
})

describe('a webhook', () => {
  it('applies one price patch once, though it comes twice through each of two gateways', async () => {
    const [first, second] = gateways
    await outcomesOf(await post(first, flat('twice', '2026-11-01T10:00:00Z')))
    const patch = {
      id: 'twice',
      change: 'patch',
      updatedAt: '2026-11-02T10:00:00Z',
      price: { amount: '195000', currency: 'EUR', period: 'total' }
    }
    const messages = await Promise.all([first, second, first, second].map((gateway) => post(gateway, patch)))
    const outcomes = await outcomesOf(...messages)

    // Each receipt has a stamp of its own: what is applied after a later receipt is stale, what before, unchanged.
    expect(outcomes.filter((outcome) => outcome === 'updated')).toHaveLength(1)
    expect(outcomes.filter((outcome) => outcome === 'unchanged' || outcome === 'stale')).toHaveLength(3)
    expect(await offer('twice')).toMatchObject({ revision: 2, content: { listPrice: { amount: '195000' } } })
    expect(await listChanges(database.db.sql, VENDOR, 'twice')).toHaveLength(2)
  })

  it('ends withdrawn when the withdrawal arrives before the older upsert it supersedes', async () => {
    const [first, second] = gateways
    const withdrawal = { id: 'early', change: 'withdraw', updatedAt: '2026-11-05T10:00:00Z', reason: 'sold' }
    expect(await outcomesOf(await post(first, withdrawal))).toEqual(['incomplete'])
    expect(await outcomesOf(await post(second, flat('early', '2026-11-04T10:00:00Z')))).toEqual(['withdrawn'])
    expect(await offer('early')).toMatchObject({
      state: 'withdrawn',
      content: { presence: { state: 'withdrawn', reason: 'sold' } }
    })
  })
})

const write = (file: string, offers: readonly DemoOffer[]): Promise<void> =>
  writeFile(file, [...toKyero(offers)].join(''))

describe('a feed', () => {
  it('publishes everything once, then nothing, then exactly the one price that changed', async () => {
    const file = join(folder, 'diff.xml')
    const offers = createDemoOffers(OFFERS)
    await write(file, offers)
    const source = await feed('diff', file)

    expect(await runFeed(source)).toMatchObject({
      state: 'done',
      snapshot: 'complete',
      published: OFFERS,
      skipped: 0
    })
    expect(await runFeed(source)).toMatchObject({ state: 'done', published: 0, skipped: OFFERS })
    const [changed] = offers
    if (changed === undefined) throw new Error('there is no offer')
    await write(
      file,
      offers.with(0, { ...changed, price: changed.price + 1_000, updatedAt: '2026-11-20 09:00:00' })
    )
    expect(await runFeed(source)).toMatchObject({ state: 'done', published: 1, skipped: OFFERS - 1 })

    expect(await offer(changed.id)).toMatchObject({
      revision: 2,
      content: { listPrice: { amount: String(changed.price + 1_000) } }
    })
    expect(
      await countOffers(database.db.sql, { vendorSlug: VENDOR, state: 'active' })
    ).toBeGreaterThanOrEqual(OFFERS)
  })
})

describe('the Kyero samples', () => {
  beforeEach(({ skip }) => skip(!existsSync(SAMPLES), 'the samples are not part of the repository'))

  it('arrive as a person reading the XML would expect', async () => {
    const source = await feed('sample', join(SAMPLES, 'kyero-v3-example.xml'))
    expect(await runFeed(source)).toMatchObject({ state: 'done', snapshot: 'complete', published: 1 })
    const { content, state } = await offer('12367')

    expect(state).toBe('active')
    expect(content).toMatchObject({
      transaction: 'sale',
      listPrice: { amount: '250000', currency: 'EUR', period: 'total' },
      propertyType: { type: 'house', subType: 'villa' },
      rooms: { bedroomsTotal: 3, bathroomsTotal: 2 },
      buildingArea: { value: '150', unit: 'm2' },
      lotSize: { value: '500', unit: 'm2' },
      coordinates: { latitude: 36.728807, longitude: -3.693466 },
      location: {
        city: 'almunecar',
        stateOrProvince: 'granada',
        country: 'spain',
        detail: 'optional location detail'
      },
      listingId: 'V3TEST',
      privateRemarks: 'Private property notes',
      energy: { consumptionRating: 'D' },
      'text.en': { description: 'English property description' },
      'text.ru': { description: 'Russian property description' }
    })
    const languages = ['ca', 'da', 'de', 'en', 'es', 'fi', 'fr', 'it', 'nl', 'no', 'pt', 'ru', 'sv']
    expect(
      Object.keys(content)
        .filter((unit) => unit.startsWith('text.'))
        .toSorted()
    ).toEqual(languages.map((language) => `text.${language}`))
    expect(Object.keys(content.links ?? {}).toSorted()).toEqual(languages)
    expect(content.media?.map(({ url }) => url)).toEqual(
      ['77', '78', '79', '81', '82'].map((end) => `http://images.kyero.com/128115${end}_large.jpg`)
    )
    expect(content.features).toEqual(['good rental potential', 'near beach', 'water possible', 'pool'])
  })

  it('are rejected, with the path that is missing, where they lack what an offer needs', async () => {
    const source = await feed('sample-upgrade', join(SAMPLES, 'test-kyero-3-upgrade.xml'))
    expect(await runFeed(source)).toMatchObject({ state: 'done', published: 4 })
    const rejections = await listRejections(database.db.sql, { sourceSlug: 'sample-upgrade', limit: 10 })

    const byId = Object.fromEntries(
      rejections.map(({ externalId, code, path }) => [externalId, { code, path }])
    )
    expect(Object.keys(byId)).toEqual(expect.arrayContaining(['234', '235', '236', '237']))
    for (const id of ['234', '235', '236', '237']) expect(byId[id]?.path, id).toMatch(/^\/[a-z_]+$/)
    expect(await findOffer(database.db.sql, VENDOR, '234')).toBeUndefined()
  })
})
