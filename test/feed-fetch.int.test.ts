import { createHash } from 'node:crypto'
import type { RequestListener } from 'node:http'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createDemoOffers } from '@sluice/examples/costa-demo'
import { createSealing, secretContext } from '@sluice/shared/sealing'
import { createSourceSecret, secretsOfSource } from '@sluice/prisma/tables/source-secrets'
import type { SourceRow } from '@sluice/prisma/tables/sources'
import { createFeedShop, demoFeed, kyero, type FeedShop } from './support/feed-shop.ts'

/** What a run fetches, and what it need not: conditions, attempts, pages, credentials, room on the disk. */

const MASTER_KEY = Buffer.alloc(32, 7).toString('base64')
let shop: FeedShop
let stopAll: () => Promise<void>

beforeAll(async () => {
  shop = await createFeedShop()
  const [scheduler, worker] = await Promise.all([
    shop.startScheduler({ SLUICE_SECRETS_KEY: MASTER_KEY }),
    shop.startWorker()
  ])
  stopAll = async () => {
    await scheduler.stop()
    await worker.stop()
  }
})
afterAll(async () => {
  await stopAll?.()
  await shop?.remove()
})

/** A server of one feed that knows its versions by ETag; counts what it sent. */
const conditional = (feed: { xml: string; etag?: () => string }) => {
  const sent = { bodies: 0, notModified: 0 }
  const etagOf = feed.etag ?? (() => `"${createHash('sha256').update(feed.xml).digest('hex')}"`)
  const url = shop.serve(`${Math.random()}.xml`, (request, response) => {
    const etag = etagOf()
    if (request.headers['if-none-match'] === etag) {
      sent.notModified += 1
      response.writeHead(304, { etag }).end()
    } else {
      sent.bodies += 1
      response.writeHead(200, { etag }).end(feed.xml)
    }
  })
  return { url, sent }
}

describe('a file that is still the same', () => {
  test('is not sent again, costs nothing, and its records count as skipped', async () => {
    const { url, sent } = conditional({ xml: demoFeed(30) })
    const source = await shop.addFeed({ address: url })
    const first = await shop.runToEnd(source)
    expect(first).toMatchObject({ state: 'done', published: 30 })
    const second = await shop.runToEnd(source)
    expect(second).toMatchObject({
      state: 'done',
      snapshot: 'complete',
      unchangedSince: first.id,
      bodySha256: first.bodySha256,
      recordsSeen: 30,
      skipped: 30,
      published: 0,
      bytesRead: 0
    })
    expect(await shop.runToEnd(source)).toMatchObject({ unchangedSince: first.id })
    expect(sent).toEqual({ bodies: 1, notModified: 2 })
  })

  test('under a new ETag is read no further than its hash, and the new ETag is kept', async () => {
    let version = 1
    const { url, sent } = conditional({ xml: demoFeed(5), etag: () => `"${version}"` })
    const source = await shop.addFeed({ address: url })
    const first = await shop.runToEnd(source)
    version = 2
    expect(await shop.runToEnd(source)).toMatchObject({ unchangedSince: first.id, etag: '"2"', skipped: 5 })
    expect(await shop.runToEnd(source)).toMatchObject({ unchangedSince: first.id, etag: '"2"' })
    expect(sent).toEqual({ bodies: 2, notModified: 1 })
  })

  const spoilers: [string, (source: SourceRow, runId: string) => Promise<unknown>][] = [
    ['the source was edited', ({ id }) => run(`UPDATE sources SET revision = revision + 1 WHERE id = ${id}`)],
    [
      'the format has another version',
      (_source, runId) => run(`UPDATE feed_runs SET format_version = 0 WHERE id = ${runId}`)
    ],
    [
      'one of its records is dead',
      (_source, runId) =>
        run(
          `UPDATE feed_records SET outcome = 'dead' WHERE (source_id, external_id) =
             (SELECT source_id, external_id FROM feed_records WHERE run_id = ${runId} LIMIT 1)`
        )
    ],
    [
      'one of its records never settled',
      (_source, runId) => run(`UPDATE feed_runs SET published = published + 1 WHERE id = ${runId}`)
    ],
    [
      'it was not read to its end',
      (_source, runId) => run(`UPDATE feed_runs SET snapshot = 'partial' WHERE id = ${runId}`)
    ],
    [
      'a run since was killed',
      ({ id }) =>
        run(`INSERT INTO feed_runs (source_id, trigger, state, lease_token, lease_until, finished_at)
             VALUES (${id}, 'manual', 'superseded', 'killed', now(), now())`)
    ]
  ]
  const run = (sql: string): Promise<unknown> => shop.database.db.sql.$executeRawUnsafe(sql)

  test.each(spoilers)('is fetched and read again when %s', async (_name, spoil) => {
    const { url, sent } = conditional({ xml: demoFeed(5) })
    const source = await shop.addFeed({ address: url })
    await spoil(source, (await shop.runToEnd(source)).id)
    const second = await shop.runToEnd(source)
    expect(second).toMatchObject({ state: 'done', recordsSeen: 5 })
    expect(second).not.toHaveProperty('unchangedSince')
    expect(second.bytesRead).toBeGreaterThan(0)
    expect(sent).toEqual({ bodies: 2, notModified: 0 })
  })

  test('as two runs ago, with another one in between, is read again', async () => {
    const offers = createDemoOffers(4)
    const feed = { xml: kyero(offers) }
    const { url } = conditional(feed)
    const source = await shop.addFeed({ address: url })
    await shop.runToEnd(source)
    feed.xml = kyero(offers.map((offer) => ({ ...offer, price: 7, updatedAt: '2026-11-20 10:00:00' })))
    await shop.runToEnd(source)
    feed.xml = kyero(offers)
    expect(await shop.runToEnd(source)).toMatchObject({ published: 4, recordsSeen: 4 })
  })
})

describe('a server in trouble', () => {
  /** Answers `trouble` once, then the feed. */
  const troubled = (trouble: RequestListener, xml: string) => {
    let asked = 0
    const address = shop.serve(`${Math.random()}.xml`, (request, response) => {
      asked += 1
      if (asked === 1) trouble(request, response)
      else response.end(xml)
    })
    return { address, asked: () => asked }
  }

  test.each<[string, RequestListener]>([
    ['503', (_request, response) => response.writeHead(503, { 'retry-after': '0' }).end()],
    ['429', (_request, response) => response.writeHead(429).end()],
    ['a connection that is closed', (_request, response) => response.destroy()],
    [
      'a body that is cut short',
      (_request, response) => {
        response.writeHead(200, { 'content-length': '100000' })
        response.write(demoFeed(3), () => response.destroy())
      }
    ]
  ])('%s is asked again, from the first byte', async (_name, trouble) => {
    const { address, asked } = troubled(trouble, demoFeed(6))
    const source = await shop.addFeed({ address })
    expect(await shop.runToEnd(source)).toMatchObject({ snapshot: 'complete', recordsSeen: 6 })
    expect(asked()).toBe(2)
  })

  test.each<[string, RequestListener, string]>([
    ['404', (_request, response) => response.writeHead(404).end(), 'FETCH_NOT_FOUND'],
    ['401', (_request, response) => response.writeHead(401).end(), 'FETCH_STATUS'],
    [
      'to be left alone for an hour',
      (_request, response) => response.writeHead(503, { 'retry-after': '3600' }).end(),
      'FETCH_STATUS'
    ]
  ])('%s is taken at its word', async (_name, trouble, errorCode) => {
    const { address, asked } = troubled(trouble, demoFeed(6))
    const source = await shop.addFeed({ address })
    expect(await shop.runToEnd(source)).toMatchObject({ state: 'failed', errorCode })
    expect(asked()).toBe(1)
  })
})

describe('a feed in pages', () => {
  const offers = createDemoOffers(25).map((offer) => Object.assign(offer, { id: `p-${offer.id}` }))
  const pageOf = (page: number): string => kyero(offers.slice((page - 1) * 10, page * 10))
  const numberOf = (url: string | undefined): number =>
    Number(new URL(url ?? '', 'http://v').searchParams.get('page') ?? 1)
  const byNumber = { pages: { by: 'parameter', name: 'page', first: 1 } }

  test('by number is one run to the page that is empty', async () => {
    const pages: number[] = []
    const address = shop.serve('numbered.xml', ({ url }, response) => {
      pages.push(numberOf(url))
      response.end(pageOf(numberOf(url)))
    })
    const source = await shop.addFeed({ address, fetch: byNumber })
    const run = await shop.runToEnd(source)
    expect(run).toMatchObject({ state: 'done', snapshot: 'complete', recordsSeen: 25, published: 25 })
    expect(run.bytesRead).toBe(run.bytesTotal)
    expect(pages).toEqual([1, 2, 3, 4])
    expect(await shop.runToEnd(source)).toMatchObject({ unchangedSince: run.id, skipped: 25 })
  })

  test('by link is one run to the page without one; places are counted through', async () => {
    const address = shop.serve('linked.xml', ({ url }, response) => {
      const page = numberOf(url)
      if (page < 3) response.setHeader('link', `<?page=${page + 1}>; rel="next"`)
      response.end(page === 2 ? pageOf(2).replace('</property>', '') : pageOf(page))
    })
    const source = await shop.addFeed({ address, fetch: { pages: { by: 'link' } } })
    const run = await shop.runToEnd(source)
    // The record is lost, but its id stands in front of the damage: every offer of the feed is known.
    expect(run).toMatchObject({
      snapshot: 'complete',
      errorCode: 'FEED_RECORDS',
      recordsSeen: 25,
      malformed: 1
    })
    const [problem] = run.problems
    const whole = [pageOf(1), pageOf(2).replace('</property>', ''), pageOf(3)].join('')
    expect(problem).toMatchObject({ ordinal: 10, code: 'RECORD_NOT_CLOSED', externalId: expect.any(String) })
    const at = Buffer.from(whole).toString('utf8', problem?.offset, (problem?.offset ?? 0) + 10)
    expect(at).toBe('<property>')
  })

  test.each<[string, RequestListener, string]>([
    [
      'that breaks off',
      ({ url }, response) =>
        numberOf(url) < 3 ? response.end(pageOf(numberOf(url))) : response.writeHead(404).end(),
      'FETCH_NOT_FOUND'
    ],
    ['that never changes', (_request, response) => response.end(pageOf(1)), 'FETCH_PAGES'],
    [
      'that ends with a page to log in',
      ({ url }, response) =>
        response.end(numberOf(url) < 3 ? pageOf(numberOf(url)) : '<html>Please log in</html>'),
      'FETCH_PAGES'
    ]
  ])('%s is partial, and what came counts', async (_name, listener, errorCode) => {
    const source = await shop.addFeed({
      address: shop.serve(`${Math.random()}.xml`, listener),
      fetch: byNumber
    })
    const run = await shop.runToEnd(source)
    expect(run).toMatchObject({ state: 'done', snapshot: 'partial', errorCode })
    expect(run.recordsSeen).toBeGreaterThanOrEqual(10)
  })
})

describe('credentials', () => {
  const sealing = createSealing({ SLUICE_SECRETS_KEY: MASTER_KEY })
  const guarded: RequestListener = (request, response) =>
    request.headers.authorization === 'Bearer t0ken'
      ? response.end(demoFeed(2))
      : response.writeHead(401).end()
  const addGuarded = async (sealFor: (source: SourceRow) => string): Promise<SourceRow> => {
    const address = shop.serve(`${Math.random()}.xml`, guarded)
    const source = await shop.addFeed({ address, fetch: { credentials: { scheme: 'bearer' } } })
    const sealed = sealing?.seal('t0ken', sealFor(source))
    if (sealed === undefined) throw new Error('no sealing')
    await createSourceSecret(shop.database.db.sql, { sourceId: source.id, label: 'one', sealed })
    return source
  }

  test('are opened for the request, and it is noted when they were used', async () => {
    const source = await addGuarded(({ id }) => secretContext(id))
    expect(await shop.runToEnd(source)).toMatchObject({ state: 'done', recordsSeen: 2 })
    const [secret] = await secretsOfSource(shop.database.db.sql, source.id)
    expect(secret?.lastUsedAt).toEqual(expect.any(Date))
  })

  test('of another source, revoked or missing ones fail the run before anybody is asked', async () => {
    const foreign = await addGuarded(() => secretContext(0))
    const revoked = await addGuarded(({ id }) => secretContext(id))
    await shop.database.db.sql.$executeRaw`
      UPDATE source_secrets SET revoked_at = now() WHERE source_id = ${revoked.id}`
    for (const source of [foreign, revoked]) {
      const run = await shop.runToEnd(source)
      expect(run).toMatchObject({ state: 'failed', errorCode: 'FETCH_CREDENTIALS' })
      expect(run.errorMessage).not.toContain('t0ken')
    }
  })
})

test('settings nobody can read are an error, not a guess', async () => {
  const source = await shop.addFeed({ address: await shop.write('x.xml', demoFeed(1)), fetch: { tsl: 'no' } })
  expect(await shop.runToEnd(source)).toMatchObject({ state: 'failed', errorCode: 'FETCH_SETTINGS' })
})

test('a disk that would fall under its reserve refuses the feed, and nothing stays behind', async () => {
  await stopAll()
  const scheduler = await shop.startScheduler({ SCHEDULER_SPOOL_RESERVE_BYTES: String(2 ** 40) })
  const source = await shop.addFeed({ address: await shop.write('full.xml', demoFeed(1)) })
  expect(await shop.runToEnd(source)).toMatchObject({ state: 'failed', errorCode: 'SPOOL_FULL' })
  expect(await shop.spooled()).toEqual([])
  await scheduler.stop()
})
