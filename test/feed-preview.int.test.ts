import { mkdtemp, readdir, rmdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createDemoOffers, type DemoOffer } from '@sluice/examples/costa-demo'
import { settledOutcomes, type FeedRunRow } from '@sluice/prisma/tables/feed-runs'
import { findSource, type SourceRow } from '@sluice/prisma/tables/sources'
import { loadPreviewConfig } from '../scheduler/src/preview/config.ts'
import { previewFeed, type PreviewOptions } from '../scheduler/src/preview/preview.ts'
import type { Preview } from '../scheduler/src/preview/rehearse.ts'
import { sluiceProcess, type Said } from './support/cli.ts'
import { createFeedShop, kyero, type FeedShop } from './support/feed-shop.ts'
import { flat } from './support/workshop.ts'

/** A preview says what the next run reports, and leaves nothing behind. */

let shop: FeedShop
beforeAll(async () => {
  shop = await createFeedShop()
  await shop.startWorker() // it is stopped with the shop
})
afterAll(() => shop?.remove())

const preview = async (source: SourceRow, options: Partial<PreviewOptions> = {}): Promise<Preview> =>
  previewFeed({
    config: loadPreviewConfig({ ...shop.schedulerEnv, RABBITMQ_URL: '' }),
    source: (await findSource(shop.database.db.sql, source.slug)) ?? source,
    limit: 10,
    signal: new AbortController().signal,
    ...options
  })

/** What a preview and a run both say. */
interface Report {
  recordsSeen: number
  skipped: number
  published: number
  malformed: number
  duplicates: number
  vanished: number
  snapshot: unknown
  errorCode: unknown
  removals: unknown
  known: unknown
  gone: unknown
  held: unknown
  problems: unknown
  outcomes: unknown
}

const reportOf = ({ figures, reading, removals, held, problems, outcomes }: Preview): Report => {
  const { recordsSeen, skipped, published, malformed, duplicates, vanished } = figures
  return {
    recordsSeen,
    skipped,
    published,
    malformed,
    duplicates,
    vanished,
    snapshot: reading.snapshot,
    errorCode: reading.errorCode,
    removals: removals?.state,
    known: removals?.known,
    gone: removals?.gone,
    held: removals === undefined ? undefined : held,
    problems,
    outcomes
  }
}

const reportOfRun = async (run: FeedRunRow): Promise<Report> => {
  const { recordsSeen, skipped, published, malformed, duplicates, vanished } = run
  const { removalsCode: code, removalsReason: message } = run
  return {
    recordsSeen,
    skipped,
    published,
    malformed,
    duplicates,
    vanished,
    snapshot: run.snapshot,
    errorCode: run.errorCode,
    removals: run.removals,
    known: run.known,
    gone: run.gone,
    held: code === undefined ? undefined : { code, message },
    problems: run.problems,
    outcomes: await settledOutcomes(shop.database.db.sql, run.id)
  }
}

/** Previews, then runs: both must say the same. */
const previewAndRun = async (source: SourceRow): Promise<Preview> => {
  const said = await preview(source)
  expect(reportOf(said)).toEqual(await reportOfRun(await shop.runNow(source)))
  return said
}

const ACTIVE = { state: 'active' }
/** Seconds that make a webhook newer than any of these files. */
const HOOK_AT = 95_000_000

/** Of every table, how many rows there are and what they say. */
const traces = async (): Promise<unknown> => {
  const tables = await shop.query<{ name: string }>(
    `SELECT quote_ident(relname) AS name FROM pg_class
     WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace ORDER BY 1`
  )
  return shop.query(
    tables
      .map(
        ({ name }) =>
          `SELECT '${name}', count(*)::int, md5(string_agg(t::text, '' ORDER BY t::text)) FROM ${name} t`
      )
      .join(' UNION ALL ')
  )
}

const offersOf = (count: number, prefix: string): DemoOffer[] =>
  createDemoOffers(count).map((offer, index) => ({ ...offer, id: `${prefix}-${index}` }))
const changed = (offer: DemoOffer | undefined, change: Partial<DemoOffer>): DemoOffer => {
  if (offer === undefined) throw new Error('no such offer')
  return { ...offer, updatedAt: '2026-11-20 10:00:00', ...change }
}

test('of a first file all offers would be created, and nothing is left behind', async () => {
  const heard = await shop.broker.addQueue('heard')
  await shop.broker.bind(heard, shop.broker.topology.exchanges.records, '#')
  const source = await shop.addFeed({ address: await shop.write('first.xml', kyero(offersOf(30, 'a'))) })
  const before = await traces()

  const said = await preview(source, { limit: 2 })
  expect(said).toMatchObject({
    figures: { recordsSeen: 30, published: 30, skipped: 0, vanished: 0 },
    outcomes: { created: 30 },
    removals: { state: 'none', known: 0, gone: 0 },
    changed: 30
  })
  expect(said.changes.map(({ externalId, kind }) => [externalId, kind])).toEqual([
    ['a-0', 'created'],
    ['a-1', 'created']
  ])
  expect(await traces()).toEqual(before)
  expect(await shop.broker.count(heard)).toBe(0)

  expect(reportOf(said)).toEqual(await reportOfRun(await shop.runNow(source)))
})

test('of a file that is older than the one before nothing would go, until it is found again', async () => {
  const offers = offersOf(9, 'older')
  let file = { body: kyero(offers), day: 2 }
  const address = shop.serve('older.xml', (_request, response) => {
    const writtenAt = new Date(Date.UTC(2026, 9, file.day)).toUTCString()
    response.writeHead(200, { 'last-modified': writtenAt }).end(file.body)
  })
  const source = await shop.addFeed({ address })
  await shop.runNow(source)
  file = { body: kyero(offers.slice(1)), day: 1 }
  expect(await previewAndRun(source)).toMatchObject({
    figures: { vanished: 0 },
    removals: { state: 'none', gone: 1 },
    gone: ['older-0']
  })
  expect(await previewAndRun(source)).toMatchObject({ figures: { vanished: 1 }, gone: ['older-0'] })
})

test('of every next file the run reports what its preview said', async () => {
  const offers = offersOf(12, 'b')
  const write = (file: string): Promise<string> => shop.write('next.xml', file)
  const source = await shop.addFeed({ address: await write(kyero(offers)), exportLagMs: 0 })
  await shop.runNow(source)

  const dearer = changed(offers[1], { price: 999_000 })
  const more = [...offers.slice(0, 1), dearer, ...offers.slice(2, 11), ...offersOf(14, 'b').slice(12)]
  await write(kyero([...more, more[0] as DemoOffer]))
  const said = await previewAndRun(source)
  expect(said).toMatchObject({
    figures: { recordsSeen: 14, skipped: 10, published: 3, duplicates: 1, vanished: 1 },
    outcomes: { created: 2, updated: 1, withdrawn: 1 },
    removals: { state: 'sent', known: 12, gone: 1 },
    gone: ['b-11'],
    changed: 3
  })
  expect(said.changes[0]).toMatchObject({
    externalId: 'b-1',
    kind: 'updated',
    units: { listPrice: { old: { amount: String(offers[1]?.price) }, new: { amount: '999000' } } }
  })

  // A webhook has said something newer of one, and of another that it is gone; a third returns.
  await shop.send(
    shop.hook('m.1', flat('b-2', 1), HOOK_AT),
    shop.hook('m.2', { id: 'b-3', change: 'withdraw' }, HOOK_AT)
  )
  await shop.waitForOutcomes('m.1', 'm.2')
  const returned = [...more, offers[11] as DemoOffer]
  await write(
    kyero(
      returned.map((offer, at) =>
        at === 2 ? changed(offer, { price: 5, updatedAt: '2026-11-10 10:00:00' }) : offer
      )
    )
  )
  const between = await previewAndRun(source)
  expect(between).toMatchObject({ figures: { published: 3 }, outcomes: { unchanged: 2 }, changed: 1 })
  expect(between.changes).toMatchObject([{ externalId: 'b-11', units: { presence: { new: ACTIVE } } }])
  await previewAndRun(source) // the same file again
})

test('a record that is rejected, and one that cannot be read, are said with their place', async () => {
  const [good, rejected, broken] = offersOf(3, 'c')
  const file = kyero([good, rejected, broken] as DemoOffer[])
    .replace(/(<id>c-1<\/id>[^]*?<price>)\d+/, '$1much')
    .replace(/(<id>c-2<\/id>[^]*?)<\/price>/, '$1</prize>')
  const source = await shop.addFeed({ address: await shop.write('bad.xml', file) })
  const said = await previewAndRun(source)
  expect(said).toMatchObject({
    figures: { recordsSeen: 3, published: 2, malformed: 1 },
    reading: { snapshot: 'complete', errorCode: 'FEED_RECORDS' },
    outcomes: { created: 1, rejected: 1 },
    rejections: [{ externalId: 'c-1', ordinal: 1, path: '/price' }],
    problems: [{ externalId: 'c-2', ordinal: 2 }]
  })
  expect(Buffer.from(file).subarray(said.rejections[0]?.offset).toString()).toMatch(/^<property>\s*<id>c-1</)
  // Rejected as they stand, they are skipped; the second one can be read now.
  await shop.write('bad.xml', file.replace('</prize>', '</price>'))
  await previewAndRun(source)
})

test('what is too much to believe is held, and a file that breaks off withdraws nothing', async () => {
  const offers = offersOf(30, 'd')
  const source = await shop.addFeed({ address: await shop.write('held.xml', kyero(offers)), exportLagMs: 0 })
  await shop.runNow(source)

  await shop.write('held.xml', kyero(offers.slice(0, 5)))
  const held = await previewAndRun(source)
  expect(held.removals).toMatchObject({ state: 'pending', gone: 25 })
  expect(held.held?.code).toBe('GONE_TOO_MANY')
  expect(held.figures.vanished).toBe(0)
  expect(held.gone).toHaveLength(10)

  await shop.write('held.xml', kyero(offers.slice(0, 5)).slice(0, -30))
  const cut = await previewAndRun(source)
  expect(cut.reading).toMatchObject({ snapshot: 'partial', errorCode: 'FEED_CUT_SHORT' })
  expect(cut.removals).toBeUndefined()
})

test('a run that starts meanwhile does not wait for it', async () => {
  const source = await shop.addFeed({ address: await shop.write('busy.xml', kyero(offersOf(5, 'e'))) })
  const [reached, released] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  const onProgress: PreviewOptions['onProgress'] = async ({ state }) => {
    if (state === 'fetching') return
    reached.resolve()
    await released.promise
  }
  const previewing = preview(source, { onProgress })
  await reached.promise
  const run = await shop.runNow(source)
  expect(run).toMatchObject({ state: 'done', published: 5, removals: 'none' })
  released.resolve()
  expect((await previewing).figures.published).toBe(5)
})

describe('sluice feeds preview', () => {
  let tmp: string
  beforeAll(async () => {
    tmp = await mkdtemp(join(tmpdir(), 'sluice-tmp-'))
  })
  afterAll(() => rmdir(tmp))
  const at = (args: readonly string[], env: Record<string, string> = {}): Promise<Said> =>
    sluiceProcess(['feeds', 'preview', ...args], {
      env: { DATABASE_URL: shop.database.url, SCHEDULER_SPOOL_RESERVE_BYTES: '0', TMPDIR: tmp, ...env }
    })

  test('shows a file of the operator, from where the operator stands, without a broker', async () => {
    const fetch = { credentials: { scheme: 'bearer' }, pages: { by: 'link' } } // neither is of a file
    const source = await shop.addFeed({ address: 'https://acme.example/1', fetch })
    const path = await shop.write('mine.xml', kyero(offersOf(12, 'f')))
    const INIT_CWD = dirname(path)
    const shown = await at([source.slug, '--file', './mine.xml', '--limit', '1'], { INIT_CWD })
    expect(shown).toMatchObject({ code: 0 })
    expect(shown.stdout).toMatch(/^records +12 seen, 12 to send, 0 skipped \(unchanged\)$/m)
    expect(shown.stdout).toMatch(/^Changes \(the first 1 of 12\):\nf-0 created\n {2}\w/m)
    expect(shown.stderr).toContain('Nothing was sent or written.')
    expect(await readdir(tmp)).toEqual([])
  })

  test('says with its code why a feed cannot be had', async () => {
    const missing = await shop.addFeed({ address: '/nowhere.xml' })
    await expect(preview(missing)).rejects.toMatchObject({ code: 'FETCH_NOT_FOUND' })
    const inside = await shop.addFeed({ address: shop.serve('inside.xml', (_, answer) => answer.end('')) })
    const said = await at([inside.slug, '--json'])
    expect(said).toMatchObject({ code: 1, stderr: expect.stringContaining('SCHEDULER_EGRESS_ALLOW') })
    expect(said.json()).toMatchObject({ error: { code: 'FETCH_EGRESS' } })
  })
})
