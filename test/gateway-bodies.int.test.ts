import { deflateSync, gzipSync } from 'node:zlib'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { findOffer } from '@sluice/prisma/tables/offers'
import { pauseSource, resumeSource } from '@sluice/prisma/tables/sources'
import { createTestBroker, type TestBroker } from './support/broker.ts'
import { createDatabase, type TestDatabase } from './support/database.ts'
import { addSource, send, type Answer } from './support/gateway.ts'
import { createHouse, type GatewayProcess, type House } from './support/house.ts'
import { waitFor } from './support/process.ts'
import { services } from './support/services.ts'

/** Bodies other than plain JSON, over real HTTP: what reaches the queue, and with a worker the offer. */

let broker: TestBroker
let database: TestDatabase
let house: House
let gateway: GatewayProcess
const keys = new Map<string, string>()

beforeAll(async () => {
  ;[broker, database] = await Promise.all([createTestBroker(), createDatabase()])
  const paths = {
    plain: undefined,
    bitrix: ['data', 'FIELDS'],
    wrapped: ['data', 'items'],
    xml: ['offers', 'offer']
  }
  for (const [slug, recordsPath] of Object.entries(paths)) {
    const { key } = await addSource(database.db, {
      slug,
      ...(recordsPath === undefined ? {} : { recordsPath })
    })
    keys.set(slug, key)
  }
  house = await createHouse({
    databaseUrl: database.url,
    rabbitUrl: broker.url,
    redisUrl: services.redisUrl,
    namespace: broker.namespace
  })
  gateway = await house.startGateway()
  await waitFor('the gateway to be ready', async () => (await fetch(`${gateway.url}/readyz`)).ok)
})

afterAll(async () => {
  await house.stop()
  await broker.remove()
  await database.drop()
})

beforeEach(() => broker.purge(broker.topology.queues.webhook))

const post = (
  source: string,
  type: string,
  body: unknown,
  headers: Record<string, string> = {}
): Promise<Answer> =>
  send(`${gateway.url}/webhooks/${source}`, body, {
    'x-api-key': keys.get(source) ?? '',
    'content-type': type,
    ...headers
  })

const queued = async (): Promise<{ id: unknown; record: string }[]> =>
  (await broker.take(broker.topology.queues.webhook)).map(({ content, properties }) => ({
    id: properties.headers?.['external-id'] as unknown,
    record: content.toString('utf8')
  }))

/** `<offers>` with two cities in windows-1251. */
const CYRILLIC_XML = Buffer.concat([
  Buffer.from('<?xml version="1.0" encoding="windows-1251"?><offers><offer><id>1</id><city>'),
  Buffer.from([0xc2, 0xe0, 0xf0, 0xed, 0xe0]),
  Buffer.from('</city></offer><offer><id>2</id><city>'),
  Buffer.from([0xd1, 0xee, 0xf4, 0xe8, 0xff]),
  Buffer.from('</city></offer></offers>')
])

describe('in the queue there is JSON in UTF-8', () => {
  it('of XML in windows-1251, compressed or not', async () => {
    const records = [
      { id: '1', record: '{"id":"1","city":"Варна"}' },
      { id: '2', record: '{"id":"2","city":"София"}' }
    ]
    expect(await post('xml', 'text/xml', CYRILLIC_XML)).toMatchObject({ status: 202, body: { records: 2 } })
    expect(await queued()).toEqual(records)
    for (const [encoding, body] of [
      ['gzip', gzipSync(CYRILLIC_XML)],
      ['deflate', deflateSync(CYRILLIC_XML)]
    ] as const) {
      const answer = await post('xml', 'application/xml', body, { 'content-encoding': encoding })
      expect(answer).toMatchObject({ status: 202, body: { records: 2 } })
      expect(await queued()).toEqual(records)
    }
  })

  it('of lines, of a wrapper and of a form, with the bytes of what was JSON', async () => {
    const record = '{"id":12345678901234567891, "extras":{"n":1.10}}'
    await post('plain', 'application/x-ndjson', `${record}\n{"id":"b"}\n`)
    await post('wrapped', 'application/json', `{"n":1,"data":{"items":[${record}]}}`)
    const form =
      'event=ONCRMDEALUPDATE&data[FIELDS][id]=123&data[FIELDS][city]=%D0%92&auth[application_token]=secret'
    await post('bitrix', 'application/x-www-form-urlencoded', form)
    expect(await queued()).toEqual([
      { id: '12345678901234567891', record },
      { id: 'b', record: '{"id":"b"}' },
      { id: '12345678901234567891', record },
      { id: '123', record: '{"id":"123","city":"В"}' }
    ])
  })

  it('of the objects of a Salesforce outbound message, which is answered in SOAP', async () => {
    const body =
      '<?xml version="1.0" encoding="UTF-8"?><soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/">' +
      '<soapenv:Body><notifications xmlns="http://soap.sforce.com/2005/09/outbound"><SessionId>secret</SessionId>' +
      '<Notification><Id>n1</Id><sObject xmlns:sf="urn:sobject.enterprise.soap.sforce.com"><sf:id>a1</sf:id></sObject>' +
      '</Notification></notifications></soapenv:Body></soapenv:Envelope>'
    const response = await fetch(`${gateway.url}/webhooks/plain`, {
      method: 'POST',
      headers: {
        'x-api-key': keys.get('plain') ?? '',
        'content-type': 'text/xml; charset=utf-8',
        soapaction: '""'
      },
      body
    })
    expect([response.status, response.headers.get('content-type')]).toEqual([200, 'text/xml; charset=utf-8'])
    expect(await response.text()).toContain(
      '<notificationsResponse xmlns="http://soap.sforce.com/2005/09/outbound"><Ack>true</Ack></notificationsResponse>'
    )
    expect(await queued()).toEqual([{ id: 'a1', record: '{"id":"a1"}' }])
  })
})

describe('a body made to hurt', () => {
  const MIB = 1024 * 1024
  const names = Array.from({ length: 100_000 }, (_, n) => `"${n.toString(36)}":1`).join(',')
  const ATTACKS: Record<string, [string, string | Buffer, Record<string, string>?]> = {
    brackets: ['application/json', '['.repeat(MIB / 2) + ']'.repeat(MIB / 2)],
    'open brackets': ['application/json', '['.repeat(MIB)],
    names: ['application/json', `{"id":"a",${names}}`],
    lines: ['application/x-ndjson', '{"id":1}\n'.repeat(MIB / 9)],
    fields: ['application/x-www-form-urlencoded', 'a[b][c]=1&'.repeat(MIB / 10)],
    elements: ['text/xml', `<r>${'<a/>'.repeat(MIB / 5)}</r>`],
    attributes: ['text/xml', `<r ${Array.from({ length: 90_000 }, (_, n) => `a${n}=""`).join(' ')}/>`],
    depth: ['text/xml', '<a>'.repeat(MIB / 4)],
    bomb: ['application/json', gzipSync(Buffer.alloc(200 * MIB)), { 'content-encoding': 'gzip' }],
    members: [
      'application/json',
      Buffer.concat(Array.from({ length: 50_000 }, () => gzipSync(''))),
      { 'content-encoding': 'gzip' }
    ]
  }

  it.each(Object.entries(ATTACKS))(
    '%s is refused, and others hardly notice',
    async (_, [type, body, headers]) => {
      await post('plain', type, body, headers) // its code is compiled now
      const over = new AbortController()
      const others = (async () => {
        const tookMs: number[] = []
        while (!over.signal.aborted) {
          const startedAt = performance.now()
          expect((await fetch(`${gateway.url}/livez`)).status).toBe(200)
          tookMs.push(performance.now() - startedAt)
        }
        return Math.max(...tookMs)
      })()
      const answers = await Promise.all(Array.from({ length: 4 }, () => post('plain', type, body, headers)))
      over.abort()
      for (const { status } of answers) expect([400, 413, 422]).toContain(status)
      expect(await others).toBeLessThan(800) // what every delivery is promised
      expect(await queued()).toEqual([])
    }
  )
})

const validate = (body: unknown, headers: Record<string, string> = {}): Promise<Answer> =>
  send(`${gateway.url}/webhooks/plain/validate`, body, { 'x-api-key': keys.get('plain') ?? '', ...headers })

describe('validation', () => {
  const patch = { id: 'a', change: 'patch', price: { amount: 1, currency: 'EUR', period: 'total' } }

  it('says what each record would mean, and publishes nothing, even while the source is paused', async () => {
    await pauseSource(database.db.sql, 'plain')
    try {
      const answer = await validate([patch, { id: 'b', change: 'patch', price: { amount: -1 } }])
      expect(answer.status).toBe(200)
      expect(answer.body).toMatchObject({
        records: 2,
        valid: 1,
        verdicts: [
          { index: 0, externalId: 'a', valid: true, change: { kind: 'patch' } },
          { index: 1, externalId: 'b', valid: false, code: 'RECORD_INVALID', path: '/price/amount' }
        ]
      })
    } finally {
      await resumeSource(database.db.sql, 'plain')
    }
    expect(await queued()).toEqual([])
  })

  it('is for those who may send, and refuses as a delivery is refused', async () => {
    expect(await validate(patch, { 'x-api-key': 'wrong' })).toMatchObject({ status: 401 })
    expect(await validate({ name: 'no id' })).toMatchObject({
      status: 422,
      body: { code: 'RECORD_ID_MISSING' }
    })
    expect(await validate('{')).toMatchObject({ status: 400, body: { code: 'BODY_MALFORMED' } })
    const url = `${gateway.url}/webhooks/nobody/validate`
    expect(await send(url, patch)).toMatchObject({ status: 404, body: { code: 'SOURCE_UNKNOWN' } })
  })
})

describe('with a worker', () => {
  it('digits reach the offer, and what was said beforehand comes true', async () => {
    await house.startWorker()
    const body =
      '{"id":12345678901234567891,"transaction":"sale","property":{"type":"apartment"},"location":{"country":"BG"},' +
      '"price":{"amount":1234567890123.123456,"currency":"EUR"},"extras":{"ledger":98765432109876543210,"ratio":0.1}}'
    const beforehand = await send(`${gateway.url}/webhooks/plain/validate`, body, {
      'x-api-key': keys.get('plain') ?? ''
    })
    const { body: answer } = await post('plain', 'application/json', body)
    const offer = await waitFor('the offer', () =>
      findOffer(database.db.sql, 'vendor-of-plain', '12345678901234567891')
    )
    expect(offer.content).toMatchObject({
      listPrice: { amount: '1234567890123.123456', currency: 'EUR', period: 'total' },
      extras: { ledger: '98765432109876543210', ratio: 0.1 }
    })
    const [verdict] = beforehand.body['verdicts'] as { change: { units: object } }[]
    expect(offer.content).toMatchObject(verdict?.change.units ?? {})
    const [delivery] = await database.db.sql.$queryRaw<object[]>`
      SELECT outcome, record FROM deliveries WHERE message_id = ${`${String(answer['id'])}.0`}`
    expect(delivery).toMatchObject({ outcome: 'created', record: { id: '12345678901234567891' } })
  })
})
