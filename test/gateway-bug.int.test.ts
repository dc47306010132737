import { afterAll, beforeAll, expect, it } from 'vitest'
import { listRefusals } from '@sluice/prisma/tables/refusals'
import { createTestBroker, type TestBroker } from './support/broker.ts'
import { createDatabase, type TestDatabase } from './support/database.ts'
import { addSource, send } from './support/gateway.ts'
import { createHouse, type House } from './support/house.ts'
import { freePort, waitFor } from './support/process.ts'
import { startSentrySink, type SentrySink } from './support/sentry.ts'
import { services } from './support/services.ts'

/** A bug of ours, of the worst kind: its error quotes the request with all its secrets. */

/** Stands in everything a sender sends; it may come out nowhere. */
const CANARY = 'canary7f3a9'
const BASIC = Buffer.from(`crm:${CANARY}`).toString('base64')
const QUOTE_IN_A_BUG = new URL('drills/sabotage/quote-in-a-bug.ts', import.meta.url).pathname

let broker: TestBroker
let database: TestDatabase
let sentry: SentrySink
let house: House

beforeAll(async () => {
  ;[broker, database, sentry] = await Promise.all([createTestBroker(), createDatabase(), startSentrySink()])
})

afterAll(async () => {
  await house.stop()
  await sentry.close()
  await broker.remove()
  await database.drop()
})

it('a bug is 500, in the log and in Sentry with its place, and nowhere with a word of the request', async () => {
  const { key } = await addSource(database.db, { slug: 'crm' })
  const metricsPort = await freePort()
  house = await createHouse({
    databaseUrl: database.url,
    rabbitUrl: broker.url,
    redisUrl: services.redisUrl,
    namespace: broker.namespace,
    env: {
      LOG_LEVEL: 'debug',
      SENTRY_DSN: sentry.dsn,
      GATEWAY_METRICS_PORT: String(metricsPort)
    }
  })
  const gateway = await house.startGateway({ preload: [QUOTE_IN_A_BUG] })
  const url = `${gateway.url}/webhooks/crm?token=${CANARY}`
  const body = { id: CANARY, [CANARY]: CANARY }
  const answers = [
    await send(url, body, { 'x-api-key': key, 'user-agent': CANARY, cookie: CANARY }),
    await send(url, body, { authorization: `Bearer ${CANARY}` }),
    await send(url, body, { authorization: `Basic ${BASIC}` }),
    await send(`${gateway.url}/webhooks/crm/validate?token=${CANARY}`, `not JSON: ${CANARY}`, {
      'x-api-key': key
    })
  ]
  for (const { status, body: problem } of answers) {
    expect({ status, code: problem.code }).toEqual({ status: 500, code: 'INTERNAL' })
  }

  const event = await waitFor('the bug to reach Sentry', () => sentry.events()[0])
  const { values } = event['exception'] as {
    values: { type: string; stacktrace?: { frames: unknown[] } }[]
  }
  expect(values.map(({ type }) => type)).toEqual(['RangeError', 'TypeError'])
  expect(JSON.stringify(values.at(-1)?.stacktrace)).toContain('_quoting-auth.ts')
  const line = await waitFor('the bug in the log', () =>
    gateway.lines().find(({ msg }) => msg === 'request failed unexpectedly')
  )
  expect(JSON.stringify(line)).toContain('_quoting-auth.ts')
  await waitFor('the refusals to be written', async () => {
    const rows = await listRefusals(database.db.sql, { sourceSlug: 'crm', code: 'INTERNAL' })
    return rows.reduce((sum, { count }) => sum + count, 0) >= answers.length
  })

  const told = {
    answers: JSON.stringify(answers.map(({ headers, body: problem }) => [[...headers], problem])),
    log: gateway.output(),
    sentry: sentry.raw(),
    metrics: await (await fetch(`http://127.0.0.1:${metricsPort}/metrics`)).text(),
    refusals: JSON.stringify(await listRefusals(database.db.sql))
  }
  for (const text of Object.values(told)) {
    for (const secret of [CANARY, BASIC, key]) expect(text).not.toContain(secret)
  }
})
