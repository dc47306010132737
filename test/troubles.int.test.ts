import { createHmac } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { buffer } from 'node:stream/consumers'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createLogger } from '@sluice/shared/log'
import type { IncidentReport } from '@sluice/shared/sentry'
import type { Sql } from '@sluice/prisma/client'
import { outcomesOf } from '@sluice/prisma/tables/feed-runs'
import { requestRun } from '@sluice/prisma/tables/sources'
import { createEgress } from '../scheduler/src/fetch/egress.ts'
import { createNotify } from '../scheduler/src/notify.ts'
import { tellTroubles, type Notice } from '../scheduler/src/tell.ts'
import { createFeedShop, demoFeed, type FeedShop } from './support/feed-shop.ts'

/** Who is told of what, and what a run leaves in its ledger. */

let shop: FeedShop
let sql: Sql
beforeAll(async () => {
  shop = await createFeedShop()
  sql = shop.database.db.sql
  await shop.startWorker()
})
afterAll(() => shop?.remove())

const SECRET = `whsec_${Buffer.from('a secret of thirty-two characters').toString('base64')}`
const log = createLogger({ service: 'test', level: 'silent' })

/** Somebody who wants to know, and what was told. */
const listen = (path: string) => {
  const notices: Notice[] = []
  const reports: IncidentReport[] = []
  const answers = { status: 204 }
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const body = await buffer(request)
    const id = String(request.headers['webhook-id'])
    const signed = `${id}.${String(request.headers['webhook-timestamp'])}.${body.toString()}`
    const key = Buffer.from(SECRET.slice('whsec_'.length), 'base64')
    const expected = `v1,${createHmac('sha256', key).update(signed).digest('base64')}`
    expect(request.headers['webhook-signature'] === expected).toBe(true)
    if (answers.status < 300) notices.push(JSON.parse(body.toString()) as Notice)
    response.writeHead(answers.status).end()
  }
  const url = shop.serve(path, (request, response) => void answer(request, response))
  const tellFrom = (allow: string): Promise<void> =>
    tellTroubles({
      db: shop.database.db,
      reporter: { incident: (report) => void reports.push(report) },
      notify: createNotify({ url, secret: SECRET, egress: createEgress(allow) }),
      log
    })
  return { notices, reports, answers, tellFrom, tell: () => tellFrom('127.0.0.1') }
}

test('people are told once that a feed is in trouble, and once that it is over', async () => {
  const { notices, reports, answers, tell, tellFrom } = listen('notices')
  const source = await shop.addFeed({ address: await shop.write('trouble.xml', '') })
  await shop.runNow(source)
  await shop.runNow(source)
  answers.status = 500
  await tell()
  await tell()
  expect([notices.length, reports.length]).toEqual([0, 1])

  answers.status = 204
  await sql.$executeRaw`UPDATE incidents SET next_at = now()`
  await tellFrom('') // an address nobody allowed
  expect(notices).toEqual([])
  await sql.$executeRaw`UPDATE incidents SET next_at = now()`
  await tell()
  await tell()
  expect(notices).toMatchObject([
    { type: 'feed.trouble', vendor: 'costa', feed: source.slug, kind: 'run', code: 'FEED_EMPTY' }
  ])

  await shop.write('trouble.xml', demoFeed(3))
  await shop.runNow(source)
  await shop.runNow(source)
  await tell()
  await tell()
  expect(notices.map(({ id, type }) => [id, type])).toEqual([
    [expect.stringMatching(/\.begun$/), 'feed.trouble'],
    [expect.stringMatching(/\.over$/), 'feed.recovery']
  ])
  expect(reports.map(({ code, isOver }) => [code, isOver])).toEqual([
    ['FEED_EMPTY', false],
    ['FEED_EMPTY', true]
  ])
})

test('pending removals are told of once, however many runs find them', async () => {
  const { notices, tell } = listen('pending')
  const source = await shop.addFeed({ address: await shop.write('few.xml', demoFeed(20)) })
  await shop.runNow(source)
  for (const extra of ['', '\n', '\n\n']) {
    await shop.write('few.xml', `${demoFeed(4)}${extra}`)
    await shop.runNow(source)
    await tell()
  }
  expect(notices).toMatchObject([{ kind: 'removals', code: 'GONE_TOO_MANY', type: 'feed.trouble' }])
  await shop.write('few.xml', demoFeed(20))
  await shop.runNow(source)
  await tell()
  expect(notices).toHaveLength(2)
})

test('the outcomes of a run add up to the records it saw, also when later runs have taken their place', async () => {
  const file = (more: string): string => demoFeed(30).replace('</root>', `${more}</root>`)
  const records = [
    '<property><id>1</id><price>1</price></property>', // rejected
    '<property><id>2</id></property><property><id>2</id></property>',
    '<property><ref>nobody</ref></property>'
  ]
  const source = await shop.addFeed({ address: await shop.write('sum.xml', file(records.join(''))) })
  const runs = [await shop.runNow(source)]
  await requestRun(sql, source.id, { full: true })
  runs.push(await shop.runNow(source))
  await shop.write('sum.xml', demoFeed(29))
  runs.push(await shop.runNow(source))
  expect(runs.map(({ full }) => full)).toEqual([false, true, false])
  expect(runs.map(({ published }) => published)).toEqual([32, 32, 0])
  for (const run of runs) {
    const outcomes = Object.values(await outcomesOf(sql, run)).reduce((sum, count) => sum + count, 0)
    expect(outcomes).toBe(run.published + run.vanished)
    expect(run.skipped + run.published + run.malformed + run.duplicates).toBe(run.recordsSeen)
  }
  expect(runs[2]).toMatchObject({ vanished: 1 })
})
