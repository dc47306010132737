import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createDemoOffers } from '@sluice/examples/costa-demo'
import { fromMessage } from '@sluice/shared/envelope'
import { fromIso } from '@sluice/shared/time'
import { findOffer } from '@sluice/prisma/tables/offers'
import { listRejections } from '@sluice/prisma/tables/rejections'
import {
  findSource,
  pauseSource,
  requestRun,
  setNextRunAt,
  type SourceRow
} from '@sluice/prisma/tables/sources'
import { waitFor } from './support/process.ts'
import { createFeedShop, demoFeed, isOver, kyero, type FeedShop } from './support/feed-shop.ts'

/** Feeds from a file or a web server to the lane, with a real worker behind it where it matters. */

let shop: FeedShop

beforeAll(async () => {
  shop = await createFeedShop()
})
afterAll(() => shop?.remove())

const rejections = (source: SourceRow, open = true) =>
  listRejections(shop.database.db.sql, { sourceSlug: source.slug, open })
const seenBy = async ({ id }: SourceRow): Promise<number> =>
  (
    await shop.query(
      `SELECT FROM run_seen s JOIN feed_runs r ON r.id = s.run_id WHERE r.source_id = ${id} AND r.removals IS NOT NULL`
    )
  ).length
const nextRunAt = async (source: SourceRow): Promise<Date | undefined> =>
  (await findSource(shop.database.db.sql, source.slug))?.nextRunAt

/** The URL of a fixed answer. */
const plain = (status: number, body: string | Buffer, headers: Record<string, string> = {}): string =>
  shop.serve(`${Math.random()}.xml`, (_request, response) =>
    response.writeHead(status, { 'content-length': Buffer.byteLength(body), ...headers }).end(body)
  )

/** Takes what a run has published out of the lane. */
const takeAll = async () => {
  const messages = await shop.broker.take(shop.broker.topology.queues.feed)
  return messages.map(({ content, properties, fields }) => ({
    routingKey: fields.routingKey,
    persistent: properties.deliveryMode === 2,
    contentType: String(properties.contentType),
    envelope: fromMessage({ body: content, properties })
  }))
}

describe('without a worker', () => {
  test('a feed is published whole, with headers that say where each record comes from', async () => {
    const scheduler = await shop.startScheduler({ SCHEDULER_CREDIT: '100' })
    const path = await shop.write('whole.xml', demoFeed(100))
    const source = await shop.addFeed({ address: path })
    await requestRun(shop.database.db.sql, source.id)
    const run = await shop.runWhen(source, ({ state }) => state === 'settling')

    expect(run).toMatchObject({
      trigger: 'manual',
      snapshot: 'complete',
      recordsSeen: 100,
      published: 100,
      skipped: 0
    })
    expect(run.bytesRead).toBe(run.bytesTotal)
    const messages = await takeAll()
    expect(messages).toHaveLength(100)
    expect(new Set(messages.map(({ routingKey }) => routingKey))).toEqual(new Set([`feed.${source.slug}`]))
    const [first] = messages
    const [offer] = createDemoOffers(1)
    expect(first).toMatchObject({ persistent: true, contentType: 'application/json' })
    expect(first?.envelope).toMatchObject({
      messageId: `${run.id}.0`,
      type: 'record',
      vendor: 'costa',
      source: source.slug,
      format: 'kyero',
      lane: 'feed',
      externalId: offer?.id,
      factAtFrom: 'record',
      ordinal: 0,
      run: run.id,
      sourceRevision: source.revision,
      attempt: 0
    })
    expect(JSON.parse(first?.envelope.body.toString() ?? '')).toMatchObject({
      id: offer?.id,
      price: String(offer?.price),
      images: { image: expect.any(Array) as unknown }
    })
    expect(await shop.spooled()).toEqual([])
    await scheduler.stop()
    expect(await shop.runWhen(source, isOver)).toMatchObject({ state: 'failed', errorCode: 'RUN_STOPPED' })
    expect(await nextRunAt(source), 'it is still due').toEqual(expect.any(Date))
    await setNextRunAt(shop.database.db.sql, source.id, undefined)
  })

  test('a feed is never further ahead of the workers than its credit, and gives up on workers that are away', async () => {
    const env = { SCHEDULER_CREDIT: '100', SCHEDULER_SETTLE_TIMEOUT_MS: '1500' }
    const scheduler = await shop.startScheduler(env)
    const source = await shop.addFeed({ address: await shop.write('credit.xml', demoFeed(400)) })
    expect(await shop.runToEnd(source)).toMatchObject({ state: 'failed', errorCode: 'SETTLE_TIMEOUT' })
    expect((await takeAll()).length).toBeLessThanOrEqual(100)
    await scheduler.stop()
  })

  test('a record without its own time takes the file’s, else Last-Modified less what an export may lag behind', async () => {
    const scheduler = await shop.startScheduler()
    const lastModified = 'Sun, 01 Nov 2026 05:00:00 GMT'
    const xml = `<root><property><id>1</id></property><property><id>2</id><date>soon</date></property>
      <kyero><feed_generated>2026-11-02 06:00:00</feed_generated></kyero><property><id>3</id></property></root>`
    const address = shop.serve('undated.xml', (_request, response) =>
      response.writeHead(200, { 'last-modified': lastModified, etag: '"a"' }).end(xml)
    )
    const source = await shop.addFeed({ address, exportLagMs: 60_000 })
    await requestRun(shop.database.db.sql, source.id)
    const run = await shop.runWhen(source, ({ state }) => state === 'settling')
    expect(run).toMatchObject({
      etag: '"a"',
      lastModified,
      bodySha256: expect.stringMatching(/^[0-9a-f]{64}$/) as unknown,
      problems: [{ externalId: '2', code: 'FACT_AT_INVALID' }]
    })
    const facts = (await takeAll()).map(({ envelope }) => [envelope.factAt, envelope.factAtFrom])
    const expected = fromIso('2026-11-01T04:59:00Z')
    expect(facts).toEqual([
      [expected, 'file'],
      [expected, 'file'],
      [fromIso('2026-11-02T05:00:00Z'), 'file'] // it stands behind the file's own word, in the zone of the source
    ])
    await scheduler.stop()
    await setNextRunAt(shop.database.db.sql, source.id, undefined)
  })
})

describe('with a worker', () => {
  let stopAll: () => Promise<void>

  beforeAll(async () => {
    const [scheduler, worker] = await Promise.all([shop.startScheduler(), shop.startWorker()])
    stopAll = async () => {
      await scheduler.stop()
      await worker.stop()
    }
  })
  afterAll(() => stopAll())

  test('a second run publishes nothing, one changed price publishes one, a file that was only touched none', async () => {
    const offers = createDemoOffers(60)
    const source = await shop.addFeed({ address: await shop.write('twice.xml', kyero(offers)) })
    expect(await shop.runToEnd(source)).toMatchObject({ state: 'done', published: 60, skipped: 0 })
    expect(await shop.runToEnd(source)).toMatchObject({ state: 'done', published: 0, skipped: 60 })
    await waitFor(
      'the ids seen by all runs but the newest list to be forgotten',
      async () => (await seenBy(source)) === 60
    )
    const changed = offers.map((offer, index) =>
      index === 7 ? { ...offer, price: 1, updatedAt: '2026-11-20 10:00:00' } : offer
    )
    await shop.write('twice.xml', `${kyero(changed)}\n`)
    expect(await shop.runToEnd(source)).toMatchObject({ state: 'done', published: 1, skipped: 59 })
    expect(await findOffer(shop.database.db.sql, 'costa', offers[7]?.id ?? '')).toMatchObject({
      revision: 2,
      content: { listPrice: { amount: '1' } }
    })
  })

  test('an edit of the source sends everything again', async () => {
    const { sql } = shop.database.db
    const source = await shop.addFeed({ address: await shop.write('edited.xml', demoFeed(5)) })
    expect(await shop.runToEnd(source)).toMatchObject({ published: 5 })
    await sql.$executeRaw`UPDATE sources SET revision = revision + 1 WHERE id = ${source.id}`
    expect(await shop.runToEnd(source)).toMatchObject({ published: 5, skipped: 0 })
  })

  const page = '<!DOCTYPE html><html><body>Please log in</body></html>'
  test.concurrent.each<[string, string, () => string | Promise<string>]>([
    ['a file that is not there', 'FETCH_NOT_FOUND', () => '/nowhere/feed.xml'],
    ['a folder', 'FETCH_NOT_FOUND', () => '/tmp'],
    ['404', 'FETCH_NOT_FOUND', () => plain(404, 'no')],
    ['500', 'FETCH_STATUS', () => plain(500, demoFeed(3))],
    ['401', 'FETCH_STATUS', () => plain(401, 'no')],
    ['an empty body', 'FEED_EMPTY', () => plain(200, '')],
    ['an empty file', 'FEED_EMPTY', () => shop.write('empty.xml', '')],
    ['an HTML page', 'FEED_HTML', () => plain(200, page)],
    ['an error message', 'FEED_NOT_XML', () => plain(200, 'Fatal error: out of memory')],
    ['another document', 'FEED_ROOT', () => plain(200, '<rss><channel/></rss>')],
    [
      'a charset nobody knows',
      'FEED_CHARSET',
      () =>
        plain(200, Buffer.from('<?xml version="1.0" encoding="x-none"?><root>\xc4\xcf\xcd</root>', 'latin1'))
    ],
    ['an announced body that is too large', 'FETCH_TOO_LARGE', () => plain(200, demoFeed(2_000))],
    ['an encoding nobody asked for', 'FETCH_ENCODING', () => plain(200, 'x', { 'content-encoding': 'br' })],
    ['redirects in a circle', 'FETCH_REDIRECTS', () => plain(302, '', { location: '' })],
    [
      'a redirect to another protocol',
      'FETCH_REDIRECTS',
      () => plain(301, '', { location: 'file:///etc/passwd' })
    ],
    ['a port nobody listens on', 'FETCH_UNREACHABLE', () => 'http://127.0.0.1:1/feed.xml'],
    ['a name that does not exist', 'FETCH_UNREACHABLE', () => 'http://vendor.invalid/feed.xml'],
    ['an address that is none', 'FETCH_ADDRESS', () => 'feed.xml'],
    [
      'a file that is cut before its first record ends',
      'FEED_CUT_SHORT',
      () => shop.write('c.xml', demoFeed(1).slice(0, 900))
    ],
    ['a server that says nothing', 'FETCH_STALLED', () => shop.serve('silent.xml', () => undefined)]
  ])(
    '%s fails the run with %s, publishes nothing, and its schedule goes on',
    async (_name, code, address) => {
      const source = await shop.addFeed({ address: await address(), schedule: '0 3 * * *' })
      const run = await shop.runToEnd(source)
      expect(run).toMatchObject({ state: 'failed', errorCode: code, published: 0 })
      expect(run.errorMessage).toEqual(expect.stringMatching(/\w{3}/))
      const next = await nextRunAt(source)
      expect(next?.getTime()).toBeGreaterThan(Date.now())
      expect(next?.toISOString()).toMatch(/T0[12]:00:00/) // 03:00 in Madrid
    }
  )

  test('a body that grows too large is given up', async () => {
    const piece = demoFeed(200)
    const address = shop.serve('endless.xml', (_request, response) => {
      const more = (): void => void (response.destroyed || response.write(piece, more))
      more()
    })
    const source = await shop.addFeed({ address })
    expect(await shop.runToEnd(source)).toMatchObject({ state: 'failed', errorCode: 'FETCH_TOO_LARGE' })
    expect(await shop.spooled()).toEqual([])
  })

  test('redirects are followed', async () => {
    const target = plain(200, demoFeed(2))
    const source = await shop.addFeed({ address: plain(307, '', { location: target }) })
    expect(await shop.runToEnd(source)).toMatchObject({ state: 'done', snapshot: 'complete', recordsSeen: 2 })
  })

  const cuts: [string, string, () => string | Promise<string>][] = [
    [
      'a file that ends too early',
      'FEED_CUT_SHORT',
      () => shop.write('cut.xml', demoFeed(20).slice(0, demoFeed(19).length))
    ],
    [
      'a connection that ends too early',
      'FETCH_CUT_SHORT',
      () =>
        shop.serve('cut.xml', (_request, response) => {
          response.writeHead(200, { 'content-length': '1000000' })
          response.write(demoFeed(20).slice(0, demoFeed(19).length), () => response.destroy())
        })
    ],
    [
      'a server that falls silent',
      'FETCH_STALLED',
      () =>
        shop.serve('stalled.xml', (_request, response) => {
          response.writeHead(200)
          response.write(demoFeed(20).slice(0, demoFeed(19).length))
        })
    ],
    [
      'a file with more behind its end',
      'FEED_TRAILING',
      () => shop.write('more.xml', `${demoFeed(19)}<br>Notice`)
    ]
  ]
  test.concurrent.each(cuts)(
    '%s is a partial run: %s, and what is there counts',
    async (_name, errorCode, address) => {
      const source = await shop.addFeed({ address: await address() })
      const run = await shop.runToEnd(source)
      expect(run).toMatchObject({
        state: 'done',
        snapshot: 'partial',
        errorCode,
        recordsSeen: 19,
        published: 19
      })
      expect(await findOffer(shop.database.db.sql, 'costa', '41019')).toMatchObject({ state: 'active' })
    }
  )

  test('damaged records cost only themselves, and are forgiven when the file is sound again', async () => {
    const offers = createDemoOffers(30).map((offer) => Object.assign(offer, { id: `d-${offer.id}` }))
    const [first = '', ...rest] = kyero(offers).split('  <property>\n')
    const damaged = rest
      .with(3, rest[3]?.replace('</type>', '') ?? '')
      .with(5, rest[5]?.replace(/<id>.*<\/id>/, '') ?? '')
    damaged[9] = damaged[9]?.replace('</property>', '') ?? ''
    const xml = [first, ...damaged].join('  <property>\n')
    const source = await shop.addFeed({ address: await shop.write('damaged.xml', xml) })
    const run = await shop.runToEnd(source)

    expect(run).toMatchObject({
      state: 'done',
      snapshot: 'partial',
      errorCode: 'FEED_RECORDS',
      recordsSeen: 30,
      malformed: 3,
      published: 27
    })
    const open = await rejections(source)
    expect(open.map(({ code }) => code).toSorted()).toEqual([
      'RECORD_ID_MISSING',
      'RECORD_NOT_CLOSED',
      'RECORD_NOT_WELL_FORMED'
    ])
    for (const { externalId, runId, messageId } of open) {
      const offset = Number(externalId.replace('offset:', ''))
      expect(Buffer.from(xml).toString('utf8', offset, offset + 10)).toBe('<property>')
      expect(runId).toBe(run.id)
      expect(messageId).toMatch(new RegExp(`^${run.id}\\.\\d+$`))
    }
    await shop.write('damaged.xml', kyero(offers))
    expect(await shop.runToEnd(source)).toMatchObject({ snapshot: 'complete', published: 3, skipped: 27 })
    expect(await rejections(source)).toEqual([])
  })

  test('of an id that comes twice in a file the first one counts', async () => {
    const [one, two] = createDemoOffers(2)
    if (one === undefined || two === undefined) throw new Error('no offers')
    const twin = { ...two, id: 'twin' }
    const file = [one, twin, { ...twin, price: 5 }, twin]
    const source = await shop.addFeed({ address: await shop.write('twins.xml', kyero(file)) })
    expect(await shop.runToEnd(source)).toMatchObject({
      state: 'done',
      recordsSeen: 4,
      published: 2,
      duplicates: 2,
      problems: [
        { code: 'RECORD_DUPLICATE', externalId: 'twin', ordinal: 2 },
        { code: 'RECORD_DUPLICATE', externalId: 'twin', ordinal: 3 }
      ]
    })
    expect(await findOffer(shop.database.db.sql, 'costa', 'twin')).toMatchObject({
      content: { listPrice: { amount: String(twin.price) } }
    })
    expect(await shop.runToEnd(source)).toMatchObject({ published: 0, skipped: 2, duplicates: 2 })
  })

  test('and also when the second one is looked up while the first is sent', async () => {
    const [twin, ...others] = createDemoOffers(700) // two look-ups
    if (twin === undefined) throw new Error('no offers')
    const [later, latest] = [
      { ...twin, price: 5 },
      { ...twin, price: 6 }
    ]
    const file = [others.slice(0, 100), twin, others.slice(100, 600), later, others.slice(600), latest].flat()
    const source = await shop.addFeed({ address: await shop.write('far-twins.xml', kyero(file)) })
    const run = { state: 'done', recordsSeen: 702, duplicates: 2 }
    expect(await shop.runToEnd(source)).toMatchObject({ ...run, published: 700 })
    expect(await findOffer(shop.database.db.sql, 'costa', twin.id)).toMatchObject({
      content: { listPrice: { amount: String(twin.price) } }
    })
    await shop.write('far-twins.xml', kyero([later, ...file]))
    expect(await shop.runToEnd(source)).toMatchObject({
      ...run,
      recordsSeen: 703,
      published: 1,
      skipped: 699,
      duplicates: 3
    })
    expect(await findOffer(shop.database.db.sql, 'costa', twin.id)).toMatchObject({
      content: { listPrice: { amount: '5' } }
    })
  })

  test('a paused feed does not run, even when it is due or asked for', async () => {
    const { sql } = shop.database.db
    const paused = await shop.addFeed({
      address: await shop.write('p.xml', demoFeed(1)),
      nextRunAt: new Date(0)
    })
    await pauseSource(sql, paused.slug)
    const other = await shop.addFeed({ address: await shop.write('o.xml', demoFeed(1)) })
    await shop.runToEnd(other)
    await expect(sql.feedRun.count({ where: { sourceId: paused.id, state: 'done' } })).resolves.toBe(0)
  })
})
