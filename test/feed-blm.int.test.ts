import { afterAll, beforeAll, expect, test } from 'vitest'
import { findOffer } from '@sluice/prisma/tables/offers'
import { createFeedShop, type FeedShop } from './support/feed-shop.ts'

/** A table that names its own columns, from the file to the offers. */

let shop: FeedShop
beforeAll(async () => {
  shop = await createFeedShop()
  await shop.startWorker() // it is stopped with the shop
})
afterAll(() => shop?.remove())

const row = (reference: string, price: string, isVisible = true): string =>
  [`7701_${reference}`, '14', 'Mill Lane', 'Barchester', price, '3', '1', isVisible ? '1' : '0'].join('^')
const blm = (count: number, ...rows: readonly string[]): string =>
  [
    `#HEADER#\nVersion : 3\nEOF : '^'\nEOR : '~'\nProperty Count : ${count}\n`,
    '#DEFINITION#\nAGENT_REF^ADDRESS_1^ADDRESS_2^TOWN^PRICE^PROP_SUB_ID^TRANS_TYPE_ID^PUBLISHED_FLAG^~\n',
    `#DATA#\n${rows.map((each) => `${each}^~\n`).join('')}#END#\n`
  ].join('')

test('a BLM file: its properties are there, hidden ones are not, and a file that is short withdraws nothing', async () => {
  const name = 'branch-7701.blm'
  const write = (content: string): Promise<string> => shop.write(name, content)
  const address = await write(blm(3, row('A1', '325,000'), row('A2', '90,000'), row('A3', 'ask us', false)))
  const feed = await shop.addFeed({
    format: 'rightmove-blm',
    timeZone: 'Europe/London',
    exportLagMs: 0,
    address
  })
  const states = async (): Promise<(string | undefined)[]> => {
    const ids = ['7701_A1', '7701_A2', '7701_A3']
    const offers = await Promise.all(ids.map((id) => findOffer(shop.database.db.sql, 'costa', id)))
    return offers.map((offer) => offer?.state)
  }
  expect(await shop.runNow(feed)).toMatchObject({ state: 'done', recordsSeen: 3, removals: 'none' })
  expect(await states()).toEqual(['active', 'active', 'incomplete'])
  expect(await findOffer(shop.database.db.sql, 'costa', '7701_A1')).toMatchObject({
    content: {
      listPrice: { amount: '325000', currency: 'GBP', period: 'total' },
      location: { street: '14, Mill Lane', city: 'Barchester' }
    }
  })

  await write(blm(2, row('A1', '325,000')))
  expect(await shop.runNow(feed)).toMatchObject({ snapshot: 'partial', errorCode: 'FEED_COUNT' })
  expect(await states()).toEqual(['active', 'active', 'incomplete'])

  await write(blm(2, row('A1', '325,000', false), row('A3', '80,000')))
  expect(await shop.runNow(feed)).toMatchObject({ snapshot: 'complete', removals: 'sent', vanished: 1 })
  expect(await states()).toEqual(['withdrawn', 'withdrawn', 'active'])
  expect((await findOffer(shop.database.db.sql, 'costa', '7701_A1'))?.content.presence).toEqual({
    state: 'withdrawn',
    reason: 'unpublished'
  })
})
