import { METHODS, request, type RequestOptions } from 'node:http'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { listApiKeys, revokeApiKey } from '@sluice/prisma/tables/api-keys'
import { pauseSource, resumeSource, updateSource } from '@sluice/prisma/tables/sources'
import { fromMessage, recordHash } from '@sluice/shared/envelope'
import type { NewKey } from '@sluice/shared/keys'
import { fromIso } from '@sluice/shared/time'
import { createTestBroker, type TestBroker } from './support/broker.ts'
import { createDatabase, type TestDatabase } from './support/database.ts'
import { addKey, addSource, chunked, send, type Answer } from './support/gateway.ts'
import { createHouse, type GatewayProcess, type House } from './support/house.ts'
import { waitFor } from './support/process.ts'
import { services } from './support/services.ts'

let broker: TestBroker
let database: TestDatabase
let house: House
let gateway: GatewayProcess
let crm: NewKey & { sourceId: number }
/** A request whose body never ends; begun first, because it takes its ten seconds. */
let unfinished: Promise<Answer>

beforeAll(async () => {
  ;[broker, database] = await Promise.all([createTestBroker(), createDatabase()])
  crm = await addSource(database.db, { slug: 'crm' })
  await addSource(database.db, { slug: 'feed', kind: 'feed', format: 'kyero' })
  house = await createHouse({
    databaseUrl: database.url,
    rabbitUrl: broker.url,
    redisUrl: services.redisUrl,
    namespace: broker.namespace,
    env: { LOG_LEVEL: 'debug' }
  })
  gateway = await house.startGateway()
  await waitFor('the gateway to be ready', async () => (await fetch(`${gateway.url}/readyz`)).ok)
  const endless = new ReadableStream<Uint8Array>({
    start: (controller) => controller.enqueue(new TextEncoder().encode('{"id":'))
  })
  unfinished = post(endless)
  unfinished.catch(() => undefined) // the test that awaits it hears of it
})

afterAll(async () => {
  await house.stop()
  await broker.remove()
  await database.drop()
})

beforeEach(() => broker.purge(broker.topology.queues.webhook))

const post = (body: unknown, headers: Record<string, string> = {}, source = 'crm'): Promise<Answer> =>
  send(`${gateway.url}/webhooks/${source}`, body, { 'x-api-key': crm.key, ...headers })
const queued = () => broker.take(broker.topology.queues.webhook)
const lineOf = (answer: Answer): Promise<Record<string, unknown>> =>
  waitFor('the log line of the request', () =>
    gateway.lines().find((line) => line.requestId === answer.headers.get('x-request-id') && 'status' in line)
  )

describe('a delivery', () => {
  it('is answered with 202 when it is in the queue, as readable JSON with headers that say where it came from', async () => {
    const record =
      '{ "id": "A-1", "updatedAt": "2026-11-23 10:00:00", "price": { "amount": 1234567890123456789.10 } }'
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
    const answer = await post(record, { traceparent })
    expect(answer.status).toBe(202)
    expect(answer.body).toEqual({ id: answer.headers.get('x-request-id'), records: 1 })

    const [message, ...others] = await queued()
    expect(others).toEqual([])
    expect(message?.content.toString()).toBe(record)
    expect(message?.fields).toMatchObject({
      exchange: broker.topology.exchanges.records,
      routingKey: 'webhook.crm'
    })
    expect(message?.properties).toMatchObject({
      messageId: `${String(answer.body.id)}.0`,
      type: 'record',
      contentType: 'application/json',
      deliveryMode: 2,
      headers: {
        vendor: 'vendor-of-crm',
        source: 'crm',
        format: 'sluice',
        'format-version': 1,
        lane: 'webhook',
        'external-id': 'A-1',
        'fact-at': '2026-11-23T08:00:00.000000Z',
        'fact-at-from': 'record',
        ordinal: 0,
        'record-hash': recordHash(record),
        'source-revision': 1,
        attempt: 0,
        traceparent
      }
    })
    const envelope = fromMessage({
      body: message?.content as Buffer,
      properties: message?.properties as never
    })
    expect(Math.abs(envelope.receivedAt - Date.now() * 1000)).toBeLessThan(30e6)
  })

  it('of 500 records is 500 messages in their order, each with its own id', async () => {
    const answer = await post(
      Array.from({ length: 500 }, (_, n) => ({ id: `B-${n}`, filler: 'x'.repeat(1_000) }))
    )
    expect(answer).toMatchObject({ status: 202, body: { records: 500 } })
    const messages = await queued()
    expect(messages.map(({ properties }) => properties.messageId as unknown)).toEqual(
      Array.from({ length: 500 }, (_, n) => `${String(answer.body.id)}.${n}`)
    )
    expect(messages.map(({ properties }) => properties.headers?.['external-id'] as unknown)).toEqual(
      Array.from({ length: 500 }, (_, n) => `B-${n}`)
    )
    expect(gateway.output()).not.toContain('MaxListenersExceededWarning')
  })

  it('without a date counts from its receipt', async () => {
    await post({ id: 'A-2' })
    const headers = (await queued())[0]?.properties.headers
    expect(headers).toMatchObject({ 'fact-at-from': 'receipt' })
    expect(headers?.['fact-at']).toBe(headers?.['received-at'])
    expect(fromIso(String(headers?.['fact-at']))).toBeDefined()
  })

  it('may come in chunks, up to exactly 1 MiB', async () => {
    const start = '{"id":"big","text":"'
    const body = [start, 'x'.repeat(1024 * 1024 - start.length - 2), '"}']
    expect(await post(chunked(...body))).toMatchObject({ status: 202 })
    expect((await queued())[0]?.content).toHaveLength(1024 * 1024)
  })

  it('is one log line, which holds no key and nothing of the body', async () => {
    const answer = await post({ id: 'canary-in-the-body' })
    expect(await lineOf(answer)).toMatchObject({
      msg: 'hook accepted',
      route: '/webhooks/:source',
      source: 'crm',
      status: 202,
      records: 1
    })
    expect(gateway.output()).not.toContain(crm.key)
    expect(gateway.output()).not.toContain('canary-in-the-body')
  })
})

describe('bad input', () => {
  const MIB = 1024 * 1024
  const rows: readonly [
    what: string,
    request: () => Promise<Answer>,
    status: number,
    problem: Record<string, unknown>
  ][] = [
    [
      'malformed JSON',
      () => post('{"id":"a",\n}'),
      400,
      { code: 'BODY_MALFORMED', position: { offset: 11, line: 2, column: 1 } }
    ],
    ['an empty body', () => post(''), 400, { code: 'BODY_MALFORMED' }],
    [
      'a body that is not UTF-8',
      () => post(Uint8Array.of(0x7b, 0xff, 0x7d)),
      400,
      { code: 'BODY_MALFORMED' }
    ],
    ['a missing key', () => post({ id: 'a' }, { 'x-api-key': '' }), 401, { code: 'API_KEY_MISSING' }],
    ['a wrong key', () => post({ id: 'a' }, { 'x-api-key': 'slk_wrong' }), 401, { code: 'API_KEY_INVALID' }],
    [
      'a wrong bearer token',
      () => post({ id: 'a' }, { 'x-api-key': '', authorization: 'Bearer no' }),
      401,
      { code: 'API_KEY_INVALID' }
    ],
    ['an unknown source', () => post({ id: 'a' }, {}, 'nobody'), 404, { code: 'SOURCE_UNKNOWN' }],
    [
      'a name that cannot be a source',
      () => post({ id: 'a' }, {}, 'No%20Body'),
      404,
      { code: 'SOURCE_UNKNOWN' }
    ],
    ['a feed', () => post({ id: 'a' }, {}, 'feed'), 404, { code: 'SOURCE_IS_FEED' }],
    ['another path', () => send(`${gateway.url}/webhook/crm`, {}), 404, { code: 'ROUTE_UNKNOWN' }],
    [
      'a path that cannot be decoded',
      () => send(`${gateway.url}/webhooks/%zz`, {}),
      404,
      { code: 'ROUTE_UNKNOWN' }
    ],
    ['another method', () => post({ id: 'a' }, { method: 'PUT' }), 405, { code: 'METHOD_NOT_ALLOWED' }],
    ['a body over 1 MiB', () => post('x'.repeat(MIB + 1)), 413, { code: 'BODY_TOO_LARGE' }],
    ['a chunked body over 1 MiB', () => post(chunked('x'.repeat(MIB), 'x')), 413, { code: 'BODY_TOO_LARGE' }],
    [
      'a chunked body far over 1 MiB',
      () => post(chunked(...Array.from({ length: 30 }, () => 'x'.repeat(MIB)))),
      413,
      { code: 'BODY_TOO_LARGE' }
    ],
    [
      '501 records',
      () => post(Array.from({ length: 501 }, (_, id) => ({ id }))),
      413,
      { code: 'RECORDS_TOO_MANY' }
    ],
    [
      'another type',
      () => post('a', { 'content-type': 'application/pdf' }),
      415,
      { code: 'CONTENT_TYPE_UNSUPPORTED' }
    ],
    [
      'a type that is none',
      () => post('{}', { 'content-type': ';;' }),
      415,
      { code: 'CONTENT_TYPE_UNSUPPORTED' }
    ],
    [
      'a body compressed in another way',
      () => post({ id: 'a' }, { 'content-encoding': 'br' }),
      415,
      { code: 'CONTENT_ENCODING_UNSUPPORTED' }
    ],
    ['an empty array', () => post([]), 422, { code: 'RECORDS_MISSING' }],
    [
      'a record without an id',
      () => post([{ id: 'a' }, { id: 'b' }, { price: 1 }]),
      422,
      { code: 'RECORD_ID_MISSING', index: 2, path: '/id' }
    ],
    [
      'an id only on a prototype',
      () => post('{"__proto__":{"id":"a"}}'),
      422,
      { code: 'RECORD_ID_MISSING', index: 0 }
    ],
    ['a record that is no object', () => post(['a']), 422, { code: 'RECORD_NOT_OBJECT', index: 0 }],
    [
      'a date that is none',
      () => post([{ id: 'a' }, { id: 'b', updatedAt: 'soon' }]),
      422,
      { code: 'FACT_AT_INVALID', index: 1, path: '/updatedAt' }
    ],
    [
      'half a million brackets',
      () => post('['.repeat(500_000) + ']'.repeat(500_000)),
      422,
      { code: 'RECORD_TOO_DEEP' }
    ]
  ]

  it.each(rows)('%s is refused, and nothing is published', async (_, request, status, problem) => {
    const answer = await request()
    expect(answer.body).toMatchObject({ status, ...problem })
    expect(answer.status).toBe(status)
    expect(answer.headers.get('content-type')).toContain('application/problem+json')
    expect(answer.body.requestId).toBe(answer.headers.get('x-request-id'))
    expect(await queued()).toEqual([])
  })

  it('leaves the gateway as it was', async () => {
    expect(await post({ id: 'after' })).toMatchObject({ status: 202 })
  })

  it.each([
    ['/webhooks/crm', 'POST'],
    ['/webhooks/crm/validate', 'POST'],
    ['/webhooks/crm/deliveries/01', 'GET, HEAD'],
    ['/livez', 'GET, HEAD'],
    ['/readyz', 'GET, HEAD']
  ])('says of %s that it answers %s, to every other method', async (path, allow) => {
    const { hostname, port } = new URL(gateway.url)
    // All that Node parses, also those no client library knows. HEAD, beside GET, has no body to look at.
    const ask = (options: RequestOptions) =>
      new Promise<{ status: number | undefined; allow: string | undefined; text: string }>(
        (resolve, reject) => {
          request(options, (response) => {
            const { statusCode: status, headers } = response
            text(response).then((body) => resolve({ status, allow: headers.allow, text: body }), reject)
          })
            .on('error', reject)
            .end('x')
        }
      )
    const others = METHODS.filter((one) => !allow.includes(one) && one !== 'HEAD' && one !== 'CONNECT')
    expect(others).toContain('PROPFIND')
    const headers = { 'content-type': 'text/plain', 'content-length': 1 }
    for (const method of others) {
      const answer = await ask({ hostname, port, path, method, headers })
      expect({ method, ...answer }).toMatchObject({ method, status: 405, allow })
      expect(answer.text).toContain('"METHOD_NOT_ALLOWED"')
    }
  })

  it('tells who takes it for a proxy that it is none, and hangs up', async () => {
    const { hostname, port } = new URL(gateway.url)
    const socket = connect(Number(port), hostname)
    socket.write('CONNECT example.com:443 HTTP/1.1\r\nHost: example.com\r\n\r\n')
    const answer = (await socket.toArray()).join('')
    expect(answer).toMatch(/^HTTP\/1\.1 405 /)
    expect(answer).toMatch(/^allow: /m)
    expect(answer).toContain('"METHOD_NOT_ALLOWED"')
  })

  it('says which authentication there is', async () => {
    expect((await post({}, { 'x-api-key': 'no' })).headers.get('www-authenticate')).toContain('Bearer')
  })

  it('tells the log why a key was not accepted, and the sender only that it was not', async () => {
    const expired = await addKey(database.db, crm.sourceId, { expiresAt: new Date(Date.now() - 1_000) })
    const refused = await waitFor('the gateway to know the expired key', async () => {
      const answer = await post({ id: 'a' }, { 'x-api-key': expired.key })
      return (await lineOf(answer)).authentication === 'expired' ? answer : undefined
    })
    expect(refused.status).toBe(401)
    expect(JSON.stringify(refused.body)).toContain('wrong, expired, revoked')
  })
})

describe('a key', () => {
  it('may come as a bearer token', async () => {
    const headers = { 'x-api-key': '', authorization: `Bearer ${crm.key}` }
    expect(await post({ id: 'a' }, headers)).toMatchObject({ status: 202 })
  })

  it('is accepted within 2 s of being made, and refused within 2 s of being revoked, while the other goes on', async () => {
    const second = await addKey(database.db, crm.sourceId)
    const status = async (): Promise<number> => (await post({ id: 'a' }, { 'x-api-key': second.key })).status
    const within2s = { timeoutMs: 2_000, everyMs: 20 }
    await waitFor('the new key to be accepted', async () => (await status()) === 202, within2s)
    await revokeApiKey(database.db.sql, second.prefix)
    const isRefused = async (): Promise<boolean> => [401, 429].includes(await status()) // 429: it was asked too often
    await waitFor('the revoked key to be refused', isRefused, within2s)
    for (let n = 0; n < 20; n++) expect(await isRefused()).toBe(true)
    expect(await post({ id: 'a' })).toMatchObject({ status: 202 })
  })

  it('of another source is of no use', async () => {
    const other = await addSource(database.db, { slug: 'other-crm' })
    await waitFor(
      'the other source to be known',
      async () => (await post({ id: 'a' }, { 'x-api-key': other.key }, 'other-crm')).status === 202
    )
    expect(await post({ id: 'a' }, {}, 'other-crm')).toMatchObject({ status: 401 })
  })

  it('shows when it was last used, a while later', async () => {
    const key = await addKey(database.db, crm.sourceId)
    await waitFor(
      'the key to be accepted',
      async () => (await post({ id: 'a' }, { 'x-api-key': key.key })).status === 202
    )
    const lastUsedAt = async (): Promise<Date | undefined> =>
      (await listApiKeys(database.db.sql)).find(({ prefix }) => prefix === key.prefix)?.lastUsedAt
    expect(await lastUsedAt()).toBeUndefined() // never a write a request
    const usedAt = await waitFor('its last use to be written', lastUsedAt, { timeoutMs: 15_000 })
    expect(Math.abs(Date.now() - usedAt.getTime())).toBeLessThan(20_000)
  })
})

describe('a source', () => {
  it('that is paused answers 503 with Retry-After within 2 s, and 202 again when it is resumed', async () => {
    const status = async (): Promise<number> => (await post({ id: 'a' })).status
    await pauseSource(database.db.sql, 'crm')
    await waitFor('the pause to count', async () => (await status()) === 503, {
      timeoutMs: 2_000,
      everyMs: 20
    })
    const paused = await post({ id: 'a' })
    expect(paused.body).toMatchObject({ code: 'SOURCE_PAUSED' })
    expect(paused.headers.get('retry-after')).toBe('60')
    expect(await post({ id: 'a' }, { 'x-api-key': 'no' })).toMatchObject({ status: 401 })
    await resumeSource(database.db.sql, 'crm')
    await waitFor('the source to be resumed', async () => (await status()) === 202, { timeoutMs: 2_000 })
  })

  it('with a format that cannot be received is our fault: 503, and an error in the log', async () => {
    const broken = await addSource(database.db, { slug: 'broken' })
    await updateSource(database.db.sql, 'broken', { format: 'not-in-this-release' })
    const answer = await waitFor('the source to be known', async () => {
      const tried = await post({ id: 'a' }, { 'x-api-key': broken.key }, 'broken')
      return tried.status === 503 ? tried : undefined
    })
    expect(answer.body).toMatchObject({ code: 'FORMAT_UNAVAILABLE' })
    await waitFor('the error in the log', () =>
      gateway
        .lines()
        .some(
          (line) => line.msg === 'source has a format that cannot be received' && line.source === 'broken'
        )
    )
  })
})

describe('the gateway', () => {
  it('says that it lives and that it is ready, and with what', async () => {
    expect(await (await fetch(`${gateway.url}/livez`)).json()).toEqual({ ok: true })
    expect(await (await fetch(`${gateway.url}/readyz`)).json()).toEqual({
      status: 'ready',
      ok: true,
      parts: { broker: 'ready', postgres: 'up', redis: 'up' }
    })
  })

  it('documents itself, with a page that loads nothing from elsewhere', async () => {
    const openapi = (await (await fetch(`${gateway.url}/docs/openapi.json`)).json()) as {
      openapi: string
      paths: Record<string, unknown>
    }
    expect(openapi.openapi).toBe('3.1.0')
    expect(Object.keys(openapi.paths)).toEqual([
      '/webhooks/{source}',
      '/webhooks/{source}/validate',
      '/webhooks/{source}/deliveries/{id}',
      '/livez',
      '/readyz'
    ])

    const page = await fetch(`${gateway.url}/docs`)
    const html = await page.text()
    expect([...html.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, address]) => address)).toEqual([
      'js/scalar.js'
    ])
    expect(page.headers.get('content-security-policy')).toContain("connect-src 'self'")
    expect((await fetch(`${gateway.url}/docs/js/scalar.js`)).status).toBe(200)
  })

  it.each([
    ['expects what nobody here knows', 'Host: x\r\nExpect: a miracle\r\n'],
    ['expects to be told to go on', 'Host: x\r\nExpect: 100-continue\r\n'],
    ['does not say which host it is for', '']
  ])('answers a request that %s, as any other', async (_, headers) => {
    const { hostname, port } = new URL(gateway.url)
    const socket = connect(Number(port), hostname).setEncoding('utf8')
    socket.write(
      `POST /webhooks/crm HTTP/1.1\r\n${headers}X-API-Key: ${crm.key}\r\nContent-Type: application/json\r\nContent-Length: 10\r\nConnection: close\r\n\r\n{"id":"1"}`
    )
    let answer = ''
    for await (const chunk of socket) answer += String(chunk)
    expect(answer).toMatch(/HTTP\/1\.1 202 Accepted\r\n/)
  })

  it('cuts a request that does not arrive, and says so', async () => {
    const answer = await Promise.race([unfinished, sleep(15_000)])
    expect(answer).toMatchObject({ status: 408, body: { code: 'REQUEST_TIMEOUT' } })
  })
})
