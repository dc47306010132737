import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createDemoOffers } from '@sluice/examples/costa-demo'
import { createVendor } from '@sluice/prisma/tables/vendors'
import { encode } from './support/charset.ts'
import { createFeedShop, kyero, type FeedShop } from './support/feed-shop.ts'
import { zipOf } from './support/zip.ts'

/** How a file is packed and written must not matter: from the file to the offers, with a real worker. */

let shop: FeedShop

beforeAll(async () => {
  shop = await createFeedShop()
  await shop.startWorker()
  await shop.startScheduler()
})
afterAll(() => shop?.remove())

const OFFERS = createDemoOffers(6).map((offer) =>
  Object.assign(offer, { town: 'Свети Влас', province: 'Бургас' })
)
const ASCII_ONLY = /[^\x20-\x7e\n\u0410-\u044f]/g
const XML = kyero(OFFERS).replace(ASCII_ONLY, '-') // what every charset here can write
const declaring = (charset: string): string => XML.replace(/encoding="[^"]*"/, `encoding="${charset}"`)

/** Elements that are no records, more than the shop allows. */
const NOISE = Array.from({ length: 200_000 }, (_, index) => `<n>${index}</n>`).join('')

const served = (body: Buffer, type: string): string =>
  shop.serve(String(Math.random()), (_request, response) =>
    response.writeHead(200, { 'content-type': type }).end(body)
  )

test('one feed, in every charset and container: the same offers', async () => {
  expect(XML).toContain('encoding="')
  const files: [name: string, Buffer, fetch?: object, type?: string][] = [
    ['plain', Buffer.from(XML)],
    ['mark', Buffer.from(`\ufeff${XML}`)],
    ['utf-16le', encode(`\ufeff${declaring('utf-16')}`, 'utf-16le')],
    ['utf-16be', encode(`\ufeff${declaring('utf-16')}`, 'utf-16be')],
    ['windows-1251', encode(declaring('windows-1251'), 'windows-1251')],
    ['koi8-r', encode(declaring('koi8-r'), 'koi8-r')],
    ['gzip', gzipSync(encode(declaring('koi8-r'), 'koi8-r'))],
    [
      'zip',
      zipOf([
        { name: 'a/photo.jpg', text: 'x' },
        { name: 'a/feed.xml', text: XML }
      ])
    ],
    [
      'zip-named',
      zipOf([
        { name: 'old.xml', text: XML.repeat(2) },
        { name: 'new.xml', text: XML }
      ]),
      { entry: 'new*' }
    ],
    ['lie', Buffer.from(declaring('windows-1251'))],
    ['server', encode(XML, 'windows-1251'), {}, 'text/xml; charset=windows-1251'],
    ['expected', encode(XML, 'windows-1251'), { charset: 'windows-1251' }]
  ]
  const { sql } = shop.database.db
  const said = await Promise.all(
    files.map(async ([name, body, fetch = {}, type]) => {
      const vendor = await createVendor(sql, { slug: `v-${name}`, name })
      if (vendor === undefined) throw new Error(`there is a vendor ${name}`)
      const address = type === undefined ? await shop.write(name, body) : served(body, type)
      const run = await shop.runToEnd(
        await shop.addFeed({ vendorId: vendor.id, slug: `f-${name}`, address, fetch })
      )
      expect(run, name).toMatchObject({
        state: 'done',
        snapshot: 'complete',
        published: OFFERS.length,
        malformed: 0
      })
      const offers = await shop.query<{ id: string; content: object }>(
        `SELECT external_id AS id, content FROM offers WHERE vendor_id = ${vendor.id} ORDER BY 1`
      )
      const hashes = await shop.query(
        `SELECT record_hash FROM feed_records WHERE run_id = ${run.id} ORDER BY external_id`
      )
      return { name, offers, hashes, problems: run.problems.map(({ code }) => code) }
    })
  )
  const [plain, ...others] = said
  expect(plain?.offers).toHaveLength(OFFERS.length)
  expect(JSON.stringify(plain?.offers)).toContain('Свети Влас')
  for (const { name, offers, hashes } of others) {
    expect(offers, name).toEqual(plain?.offers)
    if (name.startsWith('zip') || name === 'mark') expect(hashes, name).toEqual(plain?.hashes)
  }
  expect(
    said.filter(({ problems }) => problems.length > 0).map(({ name, problems }) => [name, problems])
  ).toEqual([
    ['lie', ['FEED_CHARSET_LIE']],
    ['server', ['FEED_CHARSET_LIE']],
    ['expected', ['FEED_CHARSET_LIE']]
  ])
})

test('what is refused of a container ends the run with its own code; what is cut short counts as far as it goes', async () => {
  const refused: [string, Buffer][] = [
    ['UNPACK_PATH', zipOf([{ name: '../feed.xml', text: XML }])],
    ['UNPACK_ENTRY', zipOf([])],
    ['UNPACK_TOO_LARGE', gzipSync(`<root>${NOISE}`)]
  ]
  await Promise.all(
    refused.map(async ([code, body]) => {
      const run = await shop.runToEnd(await shop.addFeed({ address: await shop.write(code, body) }))
      expect(run).toMatchObject({ state: 'failed', errorCode: code })
    })
  )
  const packed = gzipSync(XML)
  const cut = await shop.write('cut.gz', packed.subarray(0, packed.length - 4))
  expect(await shop.runToEnd(await shop.addFeed({ address: cut }))).toMatchObject({
    state: 'done',
    snapshot: 'partial',
    errorCode: 'UNPACK_CUT_SHORT',
    published: OFFERS.length
  })
})
