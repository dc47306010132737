import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { insertDeadLetters, findDeadLetter, listDeadLetters } from '@sluice/prisma/tables/dead-letters'
import { noteExpiries } from '@sluice/prisma/tables/expiries'
import { appendChanges } from '@sluice/prisma/tables/offer-changes'
import { numberChanges } from '@sluice/prisma/tables/offer-stream'
import { writeOffers, type StoredOffer } from '@sluice/prisma/tables/offers'
import { closeRejections, openRejections } from '@sluice/prisma/tables/rejections'
import { findSource } from '@sluice/prisma/tables/sources'
import { findVendor } from '@sluice/prisma/tables/vendors'
import { recordHash, toMessage, type Envelope } from '@sluice/shared/envelope'
import { toStamp } from '@sluice/shared/stamp'
import { createTestBroker, type TestBroker } from './support/broker.ts'
import { sluice, sluiceProcess, type Said } from './support/cli.ts'
import { createDatabase, type TestDatabase } from './support/database.ts'
import { waitFor } from './support/process.ts'
import { services } from './support/services.ts'
import { createSilenceable } from './support/silenceable.ts'

let database: TestDatabase
let broker: TestBroker
let vendorId = 0
let sourceId = 0
const env = (): Record<string, string> => ({
  DATABASE_URL: database.url,
  RABBITMQ_URL: broker.url,
  SLUICE_NAMESPACE: broker.namespace
})
const at = (...args: string[]): Promise<Said> => sluice(args, { env: env() })

beforeAll(async () => {
  ;[database, broker] = await Promise.all([createDatabase(), createTestBroker()])
  await at('vendors', 'add', 'acme')
  await at('sources', 'add', 'webhook', 'acme-crm', '--vendor', 'acme')
  vendorId = (await findVendor(database.db.sql, 'acme'))?.id ?? 0
  sourceId = (await findSource(database.db.sql, 'acme-crm'))?.id ?? 0
})

afterAll(async () => {
  await broker.remove()
  await database.drop()
})

const failsWith = (said: Said, exit: number, code: string): void => {
  expect([said.code, said.stderr.trim().split('\n')[0]]).toEqual([
    exit,
    expect.stringMatching(`\\(${code}\\)$`)
  ])
}

const stampAt = (iso: string): string => {
  const micros = Date.parse(iso) * 1000
  return toStamp({ factAt: micros, receivedAt: micros, ordinal: 0, formatVersion: 1, recordHash: 'ab' })
}
const MONDAY = '2026-11-16T10:00:00Z'
const TUESDAY = '2026-11-17T10:00:00Z'
const price = (amount: string) => ({ amount, currency: 'EUR', period: 'total' as const })

const offerOf = (externalId: string, more: Partial<StoredOffer> = {}): StoredOffer => ({
  vendorId,
  externalId,
  state: 'active',
  content: {
    presence: { state: 'active' },
    transaction: 'sale',
    propertyType: { type: 'house' },
    listPrice: price('240000'),
    location: { country: 'Spain', city: 'Altea' },
    'text.en': { title: 'A house by the sea', description: 'Two floors.\nA garden.' }
  },
  baseStamp: stampAt(MONDAY),
  unitStamps: { listPrice: stampAt(TUESDAY) },
  sourceStamps: { 'acme-crm': stampAt(TUESDAY) },
  rowVersion: 0,
  revision: 2,
  ...more
})

describe('offers', () => {
  beforeAll(async () => {
    const { sql } = database.db
    await writeOffers(sql, [
      offerOf('4711'),
      offerOf('4712', { state: 'withdrawn' }),
      offerOf('4713', { state: 'incomplete', content: { listPrice: price('1') } }),
      offerOf('it’s an id; rm -rf'),
      offerOf('\u001b[31mred')
    ])
    const change = { vendorId, externalId: '4711', source: 'acme-crm' }
    const { content } = offerOf('4711')
    await appendChanges(sql, [
      {
        ...change,
        revision: 1,
        kind: 'created',
        units: Object.fromEntries(
          Object.entries({ ...content, listPrice: price('250000') }).map(([unit, value]) => [
            unit,
            { new: value }
          ])
        ),
        stamp: stampAt(MONDAY),
        messageId: 'm.1'
      },
      {
        ...change,
        revision: 2,
        kind: 'updated',
        units: { listPrice: { old: price('250000'), new: price('240000') } },
        stamp: stampAt(TUESDAY),
        messageId: 'm.2'
      }
    ])
  })

  test('are listed a page at a time, incomplete ones only when asked for', async () => {
    const first = (await at('offers', 'list', '--vendor', 'acme', '--limit', '2', '--json')).json<{
      offers: { id: string }[]
      total: number
      next: string
    }>()
    expect(first).toMatchObject({ total: 4, offers: [{ id: '\u001b[31mred' }, { id: '4711' }], next: '4711' })
    const second = await at('offers', 'list', '--vendor', 'acme', '--after', first.next, '--json')
    expect(second.json()).toMatchObject({
      offers: [{ id: '4712' }, { id: 'it’s an id; rm -rf' }],
      next: null
    })
    const incomplete = await at('offers', 'list', '--state', 'incomplete', '--json')
    expect(incomplete.json()).toMatchObject({ total: 1, offers: [{ id: '4713', state: 'incomplete' }] })
    failsWith(await at('offers', 'list', '--after', '1'), 2, 'AFTER_NEEDS_VENDOR')
    failsWith(await at('offers', 'list', '--vendor', 'acm'), 1, 'VENDOR_UNKNOWN')
  })

  test('stand in a table of a hundred columns that nothing in it can break', async () => {
    const { stdout } = await sluice(['offers', 'list'], { env: { ...env(), COLUMNS: '100' } })
    expect(stdout).toMatch(/^acme +4711 +active +house, sale: A house.* 240,000 EUR +Altea/m)
    expect(stdout).toMatch(/^4 of 4 offers$/m)
    expect(stdout).not.toContain('\u001b')
    expect(stdout).toContain('\\u001b[31mred')
    for (const line of stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(100)
  })

  describe('change, and the stream of it', () => {
    beforeAll(() => database.db.transaction((tx) => numberChanges(tx, 100)))

    test('is read a page at a time, in its order', async () => {
      const first = await at('offers', 'changes', '--limit', '1', '--json')
      expect(first.json()).toMatchObject({
        changes: [{ seq: 1, vendor: 'acme', externalId: '4711', revision: 1, kind: 'created' }],
        next: 1,
        last: 2
      })
      const second = await at('offers', 'changes', '--after', '1', '--json')
      const documents = second.json<{ changes: object[]; next: null }>()
      expect(documents).toMatchObject({ changes: [{ seq: 2, units: { listPrice: {} } }], next: null })
      const { stdout, stderr } = await at('offers', 'changes', '--limit', '1')
      expect(stdout).toMatch(/^ +1 +acme 4711 +created +1 /m)
      expect(stderr).toContain('sluice offers changes --after 1')
      expect((await at('offers', 'changes', '--after', '2')).stdout).toContain('No changes after 2')
      failsWith(await at('offers', 'changes', '--after', 'x'), 2, 'USAGE_VALUE_INVALID')
    })

    test('is followed, one document a line, until Ctrl-C', async () => {
      const change = { vendorId, externalId: '4799', source: 'acme-crm', units: {}, stamp: stampAt(TUESDAY) }
      const said = await sluiceProcess(['offers', 'changes', '--after', '1', '--follow', '--json'], {
        env: env(),
        onStart: async ({ kill, stdout }) => {
          await waitFor('what is there', () => stdout().includes('"seq":2'))
          await appendChanges(database.db.sql, [
            { ...change, revision: 1, kind: 'created', messageId: 'm.3' }
          ])
          await database.db.transaction((tx) => numberChanges(tx, 100))
          await waitFor('what is new', () => stdout().includes('"seq":3'))
          kill('SIGINT')
        }
      })
      expect(said.code).toBe(0)
      const seqs = said.stdout
        .trim()
        .split('\n')
        .map((line) => (JSON.parse(line) as { seq: number }).seq)
      expect(seqs).toEqual([2, 3])
    })
  })

  test('are shown unit by unit', async () => {
    const { stdout } = await at('offers', 'show', 'acme', '4711')
    expect(stdout).toMatch(/^listPrice +240,000 EUR$/m)
    expect(stdout).toMatch(/^text\.en +title A house by the sea\n +description Two floors\.\n +A garden\.$/m)
    expect(stdout).not.toContain('expires')
    const unknown = await at('offers', 'show', 'acme', '1')
    failsWith(unknown, 1, 'OFFER_UNKNOWN')
    expect(unknown.stderr).toContain('sluice rejections list')
    failsWith(await at('offers', 'show', 'amce', '4711'), 1, 'VENDOR_UNKNOWN')
  })

  test('say until when they are there, if the record that decides it does', async () => {
    const expiresAt = new Date(Date.now() + 49 * 3_600_000)
    const said = { sourceId, expiresAt: expiresAt.getTime() * 1000 }
    await noteExpiries(database.db.sql, [
      { ...said, externalId: '4711', stamp: stampAt(MONDAY) },
      { ...said, externalId: '4712', stamp: stampAt(MONDAY) }, // withdrawn already
      { ...said, externalId: '\u001b[31mred', stamp: stampAt(TUESDAY) } // of a record that decides nothing
    ])
    expect((await at('offers', 'show', 'acme', '4711')).stdout).toMatch(
      /^expires +\d{4}-\d\d-\d\dT.* \(in 2d\)$/m
    )
    const documentOf = async (id: string) =>
      (await at('offers', 'show', 'acme', id, '--json')).json<{ offer: { expiresAt: string | null } }>()
    expect(await documentOf('4711')).toMatchObject({ offer: { expiresAt: expiresAt.toISOString() } })
    expect(await documentOf('4712')).toMatchObject({ offer: { expiresAt: null } })
    expect(await documentOf('\u001b[31mred')).toMatchObject({ offer: { expiresAt: null } })
  })

  test('are explained: who set what, when, and what it was before', async () => {
    const { stdout } = await at('offers', 'explain', 'acme', '4711')
    expect(stdout).toMatch(/^listPrice +240,000 EUR +acme-crm +2026-11-17T.* 2$/m)
    expect(stdout).toMatch(/^transaction +sale +acme-crm +2026-11-16T.* 1$/m)
    expect(stdout).toMatch(/^revision 2: updated by acme-crm, true 2026-11-17T/m)
    expect(stdout).toMatch(/^ {2}listPrice +250,000 EUR → 240,000 EUR$/m)
    const one = await at('offers', 'explain', 'acme', '4711', '--unit', 'listPrice', '--json')
    expect(one.json()).toMatchObject({
      offer: { id: '4711', revision: 2 },
      units: [
        {
          unit: 'listPrice',
          value: price('240000'),
          old: price('250000'),
          source: 'acme-crm',
          revision: 2,
          messageId: 'm.2',
          factAt: '2026-11-17T10:00:00.000Z'
        }
      ],
      history: [{ revision: 1 }, { revision: 2 }]
    })
    failsWith(await at('offers', 'explain', 'acme', '4711', '--unit', 'price'), 1, 'UNIT_UNKNOWN')
  })
})

describe('rejections', () => {
  beforeAll(async () => {
    const { sql } = database.db
    const stamp = stampAt(MONDAY)
    await openRejections(sql, [
      {
        sourceId,
        externalId: '5001',
        code: 'RECORD_INVALID',
        path: '/price',
        message: 'price is missing',
        stamp,
        messageId: 'm.9',
        record: { id: '5001', type: 'house' }
      },
      { sourceId, externalId: '5002', code: 'RECORD_INVALID', message: 'was wrong', stamp }
    ])
    await closeRejections(sql, [{ sourceId, externalId: '5002', stamp }])
  })

  test('are listed while they are open, with the place that is to blame', async () => {
    const list = (await at('rejections', 'list', '--source', 'acme-crm', '--json')).json<{
      rejections: object[]
    }>()
    expect(list.rejections).toMatchObject([
      { source: 'acme-crm', offer: '5001', code: 'RECORD_INVALID', path: '/price', count: 1, closedAt: null }
    ])
    expect((await at('rejections', 'list')).stdout).toMatch(
      /acme-crm +5001 +RECORD_INVALID +\/price: price is missing/
    )
    expect((await at('rejections', 'list', '--all')).stdout).toContain('RECORD_INVALID (closed)')
    failsWith(await at('rejections', 'list', '--source', 'acme'), 1, 'SOURCE_UNKNOWN')
    failsWith(await at('rejections', 'list', '--vendor', 'acm'), 1, 'VENDOR_UNKNOWN')
  })

  test('are found by what is known of them, and counted by source and code', async () => {
    const total = async (...args: string[]): Promise<number> =>
      (await at('rejections', 'count', '--json', ...args)).json<{ total: number }>().total
    expect(await total()).toBe(1)
    expect(await total('--all')).toBe(2)
    expect(await total('--vendor', 'acme', '--code', 'record_invalid', '--since', '1h')).toBe(1)
    expect(await total('--offer', '5002')).toBe(0)
    expect(await total('--offer', '5002', '--all')).toBe(1)
    expect(await total('--since', '2100-01-01')).toBe(0)
    expect((await at('rejections', 'count')).stdout).toMatch(/^acme-crm +RECORD_INVALID +1 /m)
  })

  test('are shown with their record', async () => {
    const { rejections } = (await at('rejections', 'list', '--json')).json<{ rejections: { id: string }[] }>()
    const id = rejections[0]?.id ?? ''
    const shown = await at('rejections', 'show', id)
    expect(shown.stdout).toMatch(/^at +\/price$/m)
    expect(shown.stdout).toContain('"type": "house"')
    expect((await at('rejections', 'show', id, '--json')).json()).toMatchObject({
      rejection: { id, messageId: 'm.9', record: { id: '5001', type: 'house' } }
    })
    failsWith(await at('rejections', 'show', '999999'), 1, 'REJECTION_UNKNOWN')
  })
})

describe('dead letters', () => {
  const body = Buffer.from(JSON.stringify({ id: '6001', price: 1 }))
  const envelope: Envelope = {
    messageId: 'd.0',
    type: 'record',
    vendor: 'acme',
    source: 'acme-crm',
    format: 'sluice',
    formatVersion: 1,
    lane: 'webhook',
    externalId: '6001',
    factAt: Date.parse(MONDAY) * 1000,
    factAtFrom: 'record',
    receivedAt: Date.parse(MONDAY) * 1000,
    ordinal: 0,
    recordHash: recordHash(body),
    sourceRevision: 1,
    attempt: 5,
    body
  }

  /** Puts a letter there and returns its id. */
  const die = async (faultCode: string, readable = true): Promise<string> => {
    const { properties } = toMessage(envelope, 'x')
    const messageId = randomUUID()
    await insertDeadLetters(database.db.sql, [
      {
        messageId,
        ...(readable ? { source: 'acme-crm', externalId: '6001', lane: 'webhook' } : {}),
        routingKey: 'replay.webhook',
        properties: { messageId, type: properties.type, timestamp: properties.timestamp },
        headers: readable
          ? {
              ...properties.headers,
              'fault-code': faultCode,
              'fault-message': 'boom',
              'x-death': [{ count: 1 }]
            }
          : { lane: 'nowhere' },
        body: readable ? body : Buffer.from([0xff, 0x1b, 0x5b]),
        faultClass: readable ? 'TypeError' : 'EnvelopeError',
        faultCode,
        faultMessage: 'boom',
        attempts: 5
      }
    ])
    const letters = await listDeadLetters(database.db.sql, { faultCode })
    return letters.find((letter) => letter.messageId === messageId)?.id ?? ''
  }

  test('are listed, and shown with headers and body', async () => {
    expect((await at('dead-letters', 'list')).stdout).toBe('No dead letters.\n')
    const id = await die('BUG_ONE')
    expect((await at('dead-letters', 'list', '--code', 'BUG_ONE')).stdout).toMatch(
      new RegExp(`^${id} +acme-crm +6001 +BUG_ONE +boom +open`, 'm')
    )
    const { stdout } = await at('dead-letters', 'show', id)
    expect(stdout).toMatch(/^died of +BUG_ONE$/m)
    expect(stdout).toMatch(/^fact-at +2026-11-16T10:00:00\.000000Z$/m)
    expect(stdout).toContain('Body (23 bytes):\n{\n  "id": "6001"')
    const shown = (await at('dead-letters', 'show', id, '--json')).json()
    expect(shown).toMatchObject({
      deadLetter: {
        id,
        state: 'open',
        fault: { class: 'TypeError', code: 'BUG_ONE', message: 'boom' },
        headers: { vendor: 'acme', 'external-id': '6001' },
        body: { id: '6001', price: 1 },
        bodyEncoding: 'json'
      }
    })
    failsWith(await at('dead-letters', 'show', '999999'), 1, 'DEAD_LETTER_UNKNOWN')
  })

  test('whose body is not JSON are shown all the same, and cannot be replayed', async () => {
    const id = await die('ENVELOPE_INVALID', false)
    const { stdout } = await at('dead-letters', 'show', id)
    expect(stdout).toContain('Body (3 bytes, not JSON):\n')
    expect(stdout).toContain('\\u001b[')
    const json = (await at('dead-letters', 'show', id, '--json')).json()
    expect(json).toMatchObject({ deadLetter: { body: '/xtb', bodyEncoding: 'base64' } })
    const said = await at('dead-letters', 'replay', id, '--json')
    expect(said.code).toBe(1)
    expect(said.json()).toMatchObject({
      replayed: [],
      failed: [{ id }],
      error: { code: 'REPLAY_INCOMPLETE' }
    })
    expect(await broker.count(broker.topology.queues.webhook)).toBe(0)
  })

  test('are replayed into their lane, fresh, and only then marked', async () => {
    const id = await die('BUG_TWO')
    expect((await at('dead-letters', 'replay', id)).stdout).toBe('Replayed 1 dead letter.\n')
    const [message] = await broker.take(broker.topology.queues.webhook)
    expect(message?.fields.routingKey).toBe('replay.webhook')
    expect(message?.content).toEqual(body)
    expect(message?.properties.headers).toMatchObject({ attempt: 0, 'external-id': '6001' })
    expect(
      Object.keys(message?.properties.headers ?? {}).filter((name) => /^(x-death|fault-)/.test(name))
    ).toEqual([])
    expect(await findDeadLetter(database.db.sql, id)).toMatchObject({
      replays: 1,
      replayedAt: expect.any(Date) as Date
    })
    expect((await at('dead-letters', 'list', '--code', 'BUG_TWO')).stdout).toBe('No dead letters.\n')
    expect((await at('dead-letters', 'list', '--code', 'BUG_TWO', '--all')).stdout).toContain('replayed')
  })

  test('are replayed by filter, oldest first, and a wrong number sends nothing', async () => {
    const ids = [await die('BUG_THREE'), await die('BUG_THREE')]
    await die('BUG_FOUR')
    failsWith(await at('dead-letters', 'replay', ids[0] ?? '', '999999'), 1, 'DEAD_LETTER_UNKNOWN')
    expect(await broker.count(broker.topology.queues.webhook)).toBe(0)
    const said = await at(
      'dead-letters',
      'replay',
      '--all',
      '--source',
      'acme-crm',
      '--code',
      'BUG_THREE',
      '--json'
    )
    expect(said.json()).toEqual({ replayed: ids, failed: [] })
    expect(await broker.take(broker.topology.queues.webhook)).toHaveLength(2)
    const none = await at('dead-letters', 'replay', '--all', '--code', 'BUG_THREE')
    expect(none).toMatchObject({ code: 0, stdout: 'No open dead letter matches; nothing to replay.\n' })
  })

  test('one that can never be sent keeps no other from being replayed', async () => {
    const ids = [await die('BUG_BIG'), await die('BUG_BIG')]
    await database.db.sql.$executeRaw`
      UPDATE dead_letters SET headers = headers || jsonb_build_object('big', repeat('x', 70000))
      WHERE id = ${ids[0]}::bigint`
    const said = await at('dead-letters', 'replay', '--all', '--code', 'BUG_BIG', '--json')
    expect(said.code).toBe(1)
    expect(said.json()).toMatchObject({
      replayed: [ids[1]],
      failed: [{ id: ids[0] }],
      error: { code: 'REPLAY_INCOMPLETE' }
    })
    expect(await broker.take(broker.topology.queues.webhook)).toHaveLength(1)
  })

  test('that the broker does not take stay as they are', async () => {
    const id = await die('BUG_FIVE')
    const said = await sluice(['dead-letters', 'replay', id], {
      env: {
        DATABASE_URL: database.url,
        RABBITMQ_URL: broker.url,
        SLUICE_NAMESPACE: `${broker.namespace}-none`
      }
    })
    expect(said.code).toBe(1)
    expect(said.stdout).toBe('')
    const letter = await findDeadLetter(database.db.sql, id)
    expect(letter).toMatchObject({ replays: 0 })
    expect(letter?.replayedAt).toBeUndefined()
  })

  test.each([
    ['RabbitMQ', 'RABBITMQ_URL', 'BROKER_DOWN'],
    ['Postgres', 'DATABASE_URL', 'DB_UNAVAILABLE']
  ])(
    'of a replay that loses %s half-way none is lost, and it says how far it came',
    async (_, setting, code) => {
      const ids = await Promise.all(Array.from({ length: 20 }, () => die(code)))
      const replayed = async (): Promise<number> =>
        (await listDeadLetters(database.db.sql, { faultCode: code, state: 'replayed' })).length
      const way = await createSilenceable(env()[setting] ?? '')
      const replay = ['dead-letters', 'replay', '--all', '--code', code, '--json']
      const stopped = await sluiceProcess([...replay, '--rate', '10'], {
        env: { ...env(), [setting]: way.url },
        onStart: async () => {
          await waitFor('some to be replayed', async () => (await replayed()) >= 3)
          way.cut()
        }
      })
      await way.close()
      expect(stopped.code).toBe(1)
      const first = stopped.json<{ replayed: string[]; error: { code: string; message: string } }>()
      expect(first.error.message).toMatch(
        /^Stopped: .*Still to replay: \d+ dead letters?; run it again for the rest\.$/
      )
      expect([code, 'PUBLISH_UNKNOWN']).toContain(first.error.code)
      // A commit whose answer was lost is not known to it, but is one.
      expect([0, 1]).toContain((await replayed()) - first.replayed.length)

      expect((await at(...replay, '--rate', '1000')).code).toBe(0)
      expect(await replayed()).toBe(ids.length)
      const sent = await broker.take(broker.topology.queues.webhook)
      // One that was under way just then may have gone twice.
      expect(new Set(sent.map(({ properties }) => properties.messageId as unknown))).toHaveProperty(
        'size',
        20
      )
      expect(sent.length).toBeLessThanOrEqual(21)
    }
  )

  test('are discarded with a reason, once', async () => {
    const id = await die('BUG_SIX')
    failsWith(await at('dead-letters', 'discard', id), 2, 'USAGE_OPTION_MISSING')
    failsWith(await at('dead-letters', 'discard', id, '--reason', ' '), 2, 'USAGE_VALUE_INVALID')
    const discarded = await at('dead-letters', 'discard', id, '--reason', 'a test', '--by', 'Ana')
    expect(discarded.stdout).toBe('Discarded 1 dead letter.\n')
    failsWith(await at('dead-letters', 'discard', id, '--reason', 'again'), 1, 'DEAD_LETTER_SETTLED')
    failsWith(await at('dead-letters', 'replay', id), 1, 'DEAD_LETTER_SETTLED')
    expect((await at('dead-letters', 'show', id)).stdout).toMatch(/^discarded .* by Ana: a test$/m)
  })

  test('are discarded by filter, and only those that match', async () => {
    await die('BUG_SEVEN')
    await die('BUG_SEVEN')
    const other = await die('BUG_EIGHT')
    const said = await at(
      'dead-letters',
      'discard',
      '--all',
      '--code',
      'BUG_SEVEN',
      '--reason',
      'x',
      '--json'
    )
    expect(said.json()).toEqual({ discarded: 2 })
    expect(await findDeadLetter(database.db.sql, other)).not.toHaveProperty('discardedAt')
  })

  test('are found by what is known of them, and counted by source and fault', async () => {
    await die('BUG_NINE')
    const found = async (...args: string[]): Promise<number> =>
      (await at('dead-letters', 'count', '--code', 'BUG_NINE', '--json', ...args)).json<{ total: number }>()
        .total
    expect(await found()).toBe(1)
    expect(await found('--vendor', 'acme', '--lane', 'webhook', '--offer', '6001')).toBe(1)
    expect(await found('--class', 'TypeError', '--since', '1h')).toBe(1)
    expect(await found('--class', 'RangeError')).toBe(0)
    expect(await found('--until', '1h')).toBe(0)
    expect(await found('--state', 'replayed')).toBe(0)
    const { stdout } = await at('dead-letters', 'count', '--code', 'BUG_NINE')
    expect(stdout).toMatch(/^acme-crm +BUG_NINE +1 /m)
    expect(stdout).toMatch(/^total +1/m)
  })

  test('replayed by filter at a rate are stopped by Ctrl-C; the same command goes on with the rest', async () => {
    const ids = await Promise.all(Array.from({ length: 25 }, () => die('BUG_TEN')))
    const replay = ['dead-letters', 'replay', '--all', '--code', 'BUG_TEN', '--rate', '10', '--by', 'Ana']
    const replayed = async (): Promise<number> =>
      (await listDeadLetters(database.db.sql, { faultCode: 'BUG_TEN', state: 'replayed' })).length
    const startedAt = performance.now()
    const stopped = await sluiceProcess([...replay, '--json'], {
      env: env(),
      onStart: async (child) => {
        await waitFor('some to be replayed', async () => (await replayed()) >= 5)
        child.kill('SIGINT')
      }
    })
    // The promise of the rate: the first at once, then no more than ten a second.
    expect(await replayed()).toBeLessThanOrEqual(1 + ((performance.now() - startedAt) / 1_000) * 10)
    failsWith(stopped, 130, 'INTERRUPTED')
    const first = stopped.json<{ replayed: string[] }>().replayed
    expect(first).toHaveLength(await replayed())
    expect(first.length).toBeLessThan(25)

    const rest = await at(...replay.slice(0, 5), '--reason', 'fixed', '--rate', '1000', '--json')
    expect(rest.code).toBe(0)
    const second = rest.json<{ replayed: string[] }>().replayed
    expect([...first, ...second].toSorted()).toEqual(ids.toSorted())
    expect(await broker.take(broker.topology.queues.webhook)).toHaveLength(25)
    const shown = await at('dead-letters', 'show', first[0] ?? '')
    expect(shown.stdout).toMatch(/^replayed +\S+ \(.*\) by Ana$/m)
    const last = await at('dead-letters', 'show', second[0] ?? '', '--json')
    expect(last.json()).toMatchObject({
      deadLetter: {
        acts: [{ act: 'replayed', actor: expect.stringContaining('@') as string, reason: 'fixed' }]
      }
    })
  })
})

describe('the topology', () => {
  test('is verified, and applied where something is missing', async () => {
    expect((await at('topology', 'verify', '--json')).json()).toMatchObject({ topology: { problems: [] } })
    await broker.deleteQueue(broker.topology.queues.quarantine)
    const missing = await at('topology', 'verify')
    failsWith(missing, 1, 'TOPOLOGY_DIFFERS')
    expect(missing.stderr).toContain(`  - `)
    expect(missing.stderr).toContain(broker.topology.queues.quarantine)
    const applied = await at('topology', 'apply')
    expect(applied.stdout).toMatch(
      /^Applied to amqp:\/\/[^@]+: 5 exchanges, 10 queues and \d+ bindings of namespace /
    )
    expect(applied.stdout).not.toContain('guest')
    expect((await at('topology', 'verify')).code).toBe(0)
  })

  test('that differs is a wrong configuration, by name', async () => {
    await broker.deleteQueue(broker.topology.queues.recent)
    await broker.addQueue('dead.recent.v1', { 'x-max-length': 5 })
    const said = await at('topology', 'apply', '--json')
    expect(said.code).toBe(78)
    const { error } = said.json<{ error: { code: string; problems: string[] } }>()
    expect(error.code).toBe('TOPOLOGY_MISMATCH')
    expect(error.problems.join()).toContain(broker.topology.queues.recent)
  })

  test('of a broker that refuses us is told by its reason', async () => {
    const url = new URL(services.rabbitmqUrl)
    url.password = 'wrong'
    const said = await sluice(['topology', 'verify'], { env: { RABBITMQ_URL: url.toString() } })
    expect(said.code).not.toBe(0)
    expect(said.stderr).not.toContain('wrong@')
    expect(said.stderr).toMatch(/\([A-Z_]+\)\n/)
  })
})
