import { createHmac, randomBytes } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { listRefusals } from '@sluice/prisma/tables/refusals'
import { createSourceSecret } from '@sluice/prisma/tables/source-secrets'
import { createSealing, secretContext } from '@sluice/shared/sealing'
import { createTestBroker, type TestBroker } from './support/broker.ts'
import { createDatabase, type TestDatabase } from './support/database.ts'
import { addSource, send, type Answer } from './support/gateway.ts'
import { createHouse, type GatewayProcess, type House } from './support/house.ts'
import { freePort, waitFor } from './support/process.ts'
import { startPrivateRedis, type PrivateRedis } from './support/redis.ts'

/** The order of work at the door: who may come in, how often, and what was there before. */

const MASTER_KEY = randomBytes(32).toString('base64')
const SECRET = randomBytes(32)
/** Stands in everything a sender sends; it may come out nowhere. */
const CANARY = 'canary7f3a9'

let broker: TestBroker
let database: TestDatabase
let redis: PrivateRedis
let house: House
let gateway: GatewayProcess
let metricsUrl: string
let openKey: string
let limitedKey: string

beforeAll(async () => {
  ;[broker, database, redis] = await Promise.all([createTestBroker(), createDatabase(), startPrivateRedis()])
  const { db } = database
  openKey = (await addSource(db, { slug: 'open' })).key
  limitedKey = (await addSource(db, { slug: 'limited', rateLimit: 5 })).key
  const signed = await addSource(db, { slug: 'signed', auth: { scheme: 'standard-webhooks' } })
  const sealing = createSealing({ SLUICE_SECRETS_KEY: MASTER_KEY })
  const secret = `whsec_${SECRET.toString('base64')}`
  const sealed = sealing?.seal(secret, secretContext(signed.sourceId)) ?? Buffer.alloc(0)
  await createSourceSecret(db.sql, { sourceId: signed.sourceId, label: 'first', sealed })
  const metricsPort = await freePort()
  metricsUrl = `http://127.0.0.1:${metricsPort}/metrics`
  house = await createHouse({
    databaseUrl: database.url,
    rabbitUrl: broker.url,
    redisUrl: redis.url,
    namespace: broker.namespace,
    env: {
      LOG_LEVEL: 'debug',
      SLUICE_SECRETS_KEY: MASTER_KEY,
      GATEWAY_PROXY_HOPS: '1',
      GATEWAY_METRICS_PORT: String(metricsPort)
    }
  })
  gateway = await house.startGateway()
  await waitFor('the gateway to be ready', async () => {
    const answer = (await (await fetch(`${gateway.url}/readyz`)).json()) as { status: string }
    return answer.status === 'ready'
  })
})

afterAll(async () => {
  await house.stop()
  await redis.stop()
  await broker.remove()
  await database.drop()
})

beforeEach(() => broker.purge(broker.topology.queues.webhook))

const post = (
  source: string,
  headers: Record<string, string>,
  body: unknown = { id: 'a' }
): Promise<Answer> => send(`${gateway.url}/webhooks/${source}`, body, headers)

const signature = (id: string, body: string): Record<string, string> => {
  const timestamp = String(Math.floor(Date.now() / 1000))
  const digest = createHmac('sha256', SECRET).update(`${id}.${timestamp}.${body}`).digest('base64')
  return { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': `v1,${digest}` }
}
const postEvent = (id: string, body: string): Promise<Answer> => post('signed', signature(id, body), body)
const metric = async (line: string): Promise<number> => {
  const text = await (await fetch(metricsUrl)).text()
  const found = text.split('\n').find((candidate) => candidate.startsWith(`${line} `))
  return Number(found?.split(' ').at(-1) ?? 0)
}
const applied = async (): Promise<unknown[]> =>
  (await broker.take(broker.topology.queues.webhook)).map(
    ({ properties }) => properties.headers?.['external-id'] as unknown
  )

const from = (address: string, key: string): Promise<Answer> =>
  post('open', { 'x-api-key': key, 'x-forwarded-for': address })

describe('who fails to authenticate', () => {
  it('is told so 20 times, by address and source, then that it is too often, and when to come back', async () => {
    const answers: Answer[] = []
    for (let n = 0; n < 25; n++) answers.push(await from('203.0.113.1', 'slk_wrong'))
    expect(answers.slice(0, 20).map(({ status }) => status)).toEqual(Array(20).fill(401))
    const held = answers.find(({ status }) => status === 429)
    expect(held?.body).toMatchObject({ code: 'FAILURES_TOO_MANY' })
    expect(held?.headers.get('retry-after')).toBe('1')
    expect(await from('203.0.113.2', 'slk_wrong')).toMatchObject({ status: 401 })
    expect(await post('limited', { 'x-api-key': 'no', 'x-forwarded-for': '203.0.113.1' })).toMatchObject({
      status: 401
    })
  })

  it('never shuts out who is right behind the same address, nobody having been right there before', async () => {
    const forged = Array.from({ length: 200 }, () => from('203.0.113.3', 'slk_wrong'))
    const valid = Array.from({ length: 50 }, () => from('203.0.113.3', openKey))
    expect((await Promise.all(valid)).map(({ status }) => status)).toEqual(Array(50).fill(202))
    expect((await Promise.all(forged)).some(({ status }) => status === 429)).toBe(true)
  })

  it('is not another by saying so: only what the trusted proxy says counts', async () => {
    const chain = Array.from({ length: 30 }, (_, n) => from(`10.9.9.${n}, 203.0.113.5`, 'slk_wrong'))
    expect((await Promise.all(chain)).some(({ status }) => status === 429)).toBe(true)
  })

  it('does not fill the log: of a flood a line a second is written, which says how many it stands for', async () => {
    const flood = await Promise.all(Array.from({ length: 300 }, () => from('203.0.113.7', 'slk_wrong')))
    const refused = flood.filter(({ status }) => status === 429).length
    await waitFor('the next line', async () => {
      await from('203.0.113.7', 'slk_wrong')
      const lines = gateway
        .lines()
        .filter(({ address, code }) => address === '203.0.113.7' && code === 'FAILURES_TOO_MANY')
      expect(lines.length).toBeLessThan(40)
      return lines.reduce((sum, { alike }) => sum + 1 + Number(alike ?? 0), 0) >= refused
    })
  })
})

describe('the quota of a source', () => {
  it('is untouched by forgeries, shown in headers, and enforced with Retry-After', async () => {
    await Promise.all(
      Array.from({ length: 300 }, (_, n) =>
        post('limited', { 'x-api-key': 'slk_wrong', 'x-forwarded-for': `198.51.100.${n % 250}` })
      )
    )
    const answers: Answer[] = []
    for (let n = 0; n < 7; n++) answers.push(await post('limited', { 'x-api-key': limitedKey }))
    expect(answers.map(({ status }) => status)).toEqual([202, 202, 202, 202, 202, 429, 429])
    expect(answers.map(({ headers }) => headers.get('ratelimit-remaining'))).toEqual([
      '4',
      '3',
      '2',
      '1',
      '0',
      '0',
      '0'
    ])
    const last = answers.at(-1)
    expect(last?.body).toMatchObject({ code: 'RATE_LIMITED' })
    expect(last?.headers.get('ratelimit-limit')).toBe('5')
    expect(Number(last?.headers.get('retry-after'))).toBeGreaterThan(50)
    expect(Number(last?.headers.get('retry-after'))).toBeLessThanOrEqual(60)
  })
})

describe('a copy', () => {
  it('is known by the id its signature covers, and answered with the delivery that was first', async () => {
    const first = await postEvent('msg_1', '{"id":"C-1"}')
    expect(first.status).toBe(202)
    const again = await postEvent('msg_1', '{"id":"C-1"}')
    expect(again).toMatchObject({ status: 200, body: { id: first.body.id, duplicate: true } })
    expect(await applied()).toEqual(['C-1'])
  })

  it('without an id that is signed is none: A, B, A is three deliveries', async () => {
    for (const id of ['A', 'B', 'A']) {
      expect(await post('open', { 'x-api-key': openKey, 'webhook-id': 'same' }, { id })).toMatchObject({
        status: 202
      })
    }
    expect(await applied()).toEqual(['A', 'B', 'A'])
  })

  it('of a delivery that was refused is no copy', async () => {
    expect(await postEvent('msg_2', '{"price":1}')).toMatchObject({ status: 422 })
    expect(await postEvent('msg_2', '{"id":"C-2"}')).toMatchObject({ status: 202 })
  })

  it('that comes at the same time is accepted or known, never refused', async () => {
    const copies = await Promise.all(Array.from({ length: 200 }, () => postEvent('msg_3', '{"id":"C-3"}')))
    expect(copies.filter(({ status }) => status !== 202 && status !== 200).map(({ body }) => body)).toEqual(
      []
    )
    const ids = await applied()
    expect(new Set(ids)).toEqual(new Set(['C-3']))
    expect(ids).toHaveLength(copies.filter(({ status }) => status === 202).length)
  })
})

describe('without Redis', () => {
  const OUTAGES = [
    ['away', 'stop'],
    ['frozen', 'freeze']
  ] as const

  it.each(OUTAGES)(
    '%s: nobody is limited and nothing is a copy, within the budget, and it is counted',
    async (_, how) => {
      const skipped = 'sluice_gateway_failed_open_total{phase="duplicates"}'
      const before = await metric(skipped)
      await (how === 'stop' ? redis.stop() : redis.signal('SIGSTOP'))
      try {
        for (let n = 0; n < 7; n++) {
          const answer = await post('limited', { 'x-api-key': limitedKey })
          expect(answer.status).toBe(202)
          expect(answer.tookMs).toBeLessThan(800)
        }
        expect(await postEvent(`msg_${how}`, '{"id":"D"}')).toMatchObject({ status: 202 })
        expect(await postEvent(`msg_${how}`, '{"id":"D"}')).toMatchObject({ status: 202 })
        expect(await metric(skipped)).toBeGreaterThanOrEqual(before + 2)
      } finally {
        await (how === 'stop' ? redis.start() : redis.signal('SIGCONT'))
      }
      await waitFor('copies to be known again', async () => {
        return (await postEvent(`msg_after_${how}`, '{"id":"E"}')).status === 200
      })
    }
  )
})

describe('what was refused', () => {
  it('is counted by source, code and minute, with one sample that quotes nothing', async () => {
    const headers = { 'x-api-key': openKey }
    for (let n = 0; n < 3; n++) await post('open', headers, `{"phone":"${CANARY} 12345",}`)
    const rows = await waitFor('the refusals to be written', async () => {
      const found = await listRefusals(database.db.sql, { sourceSlug: 'open', code: 'BODY_MALFORMED' })
      return found.reduce((sum, { count }) => sum + count, 0) >= 3 ? found : undefined
    })
    expect(rows[0]?.sample).toMatchObject({
      contentType: 'application/json',
      skeleton: '{"xxxxx":"xxxxxx0x0x0 00000",}'
    })
    const forged = await listRefusals(database.db.sql, { sourceSlug: 'limited', code: 'API_KEY_INVALID' })
    expect(forged.reduce((sum, { count }) => sum + count, 0)).toBeGreaterThanOrEqual(300)
    expect(forged.length).toBeLessThanOrEqual(2)
    expect(forged[0]?.sample).toMatchObject({ reason: 'unknown' })
  })

  it('leaves no trace of what a sender sent: in logs, metrics, headers, answers or the table', async () => {
    const secretly = (body: unknown, headers: Record<string, string>, source = 'open') =>
      post(`${source}?token=${CANARY}`, { 'user-agent': CANARY, cookie: CANARY, ...headers }, body)
    const key = { 'x-api-key': openKey }
    const answers = await Promise.all([
      secretly({ id: 'a', note: CANARY }, key),
      secretly({ id: 'a' }, { 'x-api-key': CANARY }),
      secretly({ id: 'a' }, { authorization: `Bearer ${CANARY}` }),
      secretly({ id: 'a' }, { 'webhook-signature': `v1,${CANARY}`, 'webhook-id': CANARY }, 'signed'),
      secretly({ id: 'a' }, signature(CANARY, '{"id":"b"}'), 'signed'),
      secretly(`{"${CANARY}":"${CANARY}"`, key),
      secretly(`${CANARY}=${CANARY}`, { ...key, 'content-type': `text/${CANARY}; charset=${CANARY}` }),
      secretly({ id: 'a' }, { ...key, 'content-encoding': CANARY }),
      secretly([{ id: 'a', updatedAt: CANARY }], key),
      secretly({ id: { [CANARY]: CANARY } }, key),
      secretly(CANARY.repeat(100_000), key),
      secretly({ id: 'a' }, key, CANARY)
    ])
    expect(answers.map(({ status }) => status)).toEqual([
      202, 401, 401, 401, 401, 400, 415, 415, 422, 422, 413, 404
    ])
    const told = answers.map(({ headers, body }) => JSON.stringify([[...headers], body])).join('\n')
    expect(told).not.toContain(CANARY)
    await waitFor('the refusals to be written', async () => {
      const rows = await listRefusals(database.db.sql, { sourceSlug: 'open', code: 'BODY_TOO_LARGE' })
      return rows.length > 0
    })
    expect(JSON.stringify(await listRefusals(database.db.sql))).not.toContain(CANARY)
    expect(await (await fetch(metricsUrl)).text()).not.toContain(CANARY)
    expect(gateway.output()).not.toContain(CANARY)
    expect(gateway.output()).not.toContain(SECRET.toString('base64'))
  })
})

/** Requests to names that do not exist; resolves to how many series there are then. */
const flood = async (round: string): Promise<number> => {
  await Promise.all(Array.from({ length: 300 }, (_, n) => post(`nobody-${round}-${n}`, {})))
  const text = await (await fetch(metricsUrl)).text()
  return text.split('\n').filter((line) => line.startsWith('sluice_')).length
}

describe('metrics', () => {
  it('are figures of phases and outcomes, on a port of their own', async () => {
    const text = await (await fetch(metricsUrl)).text()
    for (const phase of ['auth', 'rate_limit', 'duplicates', 'read', 'publish']) {
      expect(text).toContain(`sluice_gateway_phase_seconds_count{phase="${phase}"}`)
    }
    expect(text).toMatch(/sluice_gateway_requests_total\{source="open",outcome="accepted"\} [1-9]/)
    expect(text).toMatch(/sluice_gateway_requests_total\{source="signed",outcome="duplicate"\} [1-9]/)
    expect(await metric('sluice_gateway_requests_in_flight')).toBe(0)
    expect((await fetch(`${gateway.url}/metrics`)).status).toBe(404)
  })

  it('are as many as before, whatever names senders make up', async () => {
    const before = await flood('a')
    expect(await flood('b')).toBe(before)
  })
})
