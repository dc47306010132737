import { setTimeout as sleep } from 'node:timers/promises'
import { connect, type Channel } from 'amqplib'
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import { insertOutbox, outboxUsage, type NewOutboxRow } from '@sluice/prisma/tables/outbox'
import { listChanges } from '@sluice/prisma/tables/offer-changes'
import { createSource, findSource, pauseSource, resumeSource } from '@sluice/prisma/tables/sources'
import { findVendor } from '@sluice/prisma/tables/vendors'
import { PublishError, type Publisher } from '@sluice/shared/broker'
import type { OutgoingMessage } from '@sluice/shared/envelope'
import { createLogger } from '@sluice/shared/log'
import { createBreaker } from '../gateway/src/breaker.ts'
import { createRelay, type Relay, type RelayDeps } from '../gateway/src/outbox/relay.ts'
import { ROOT, run, waitFor } from './support/process.ts'
import { createWorkshop, flat, type Workshop } from './support/workshop.ts'

/** The relay on real services: nothing it takes is lost, whoever dies; nothing is published by two at once. */

const LIMITS = { maxRows: 100_000, maxBytes: 1 << 28 }
const log = createLogger({ service: 'test', level: 'silent' })

let shop: Workshop
let crm: number
let channel: Channel
let close: () => Promise<void>
const relays: Relay[] = []

beforeAll(async () => {
  shop = await createWorkshop()
  crm = (await findSource(shop.database.db.sql, 'crm'))?.id ?? 0
  const connection = await connect(shop.broker.url)
  channel = await connection.createChannel()
  close = () => connection.close()
})
afterEach(async () => {
  await Promise.all(relays.splice(0).map((relay) => relay.stop()))
  await shop.query('WITH gone AS (DELETE FROM outbox) DELETE FROM outbox_usage')
  await shop.broker.purge(queue())
})
afterAll(async () => {
  await close()
  await shop.remove()
})

const queue = (): string => shop.broker.topology.queues.webhook
const published = async (): Promise<string[]> =>
  (await shop.broker.take(queue(), 100_000)).map(({ properties }) => String(properties.messageId))

const startRelay = (more: Partial<RelayDeps> = {}): void => {
  const relay = createRelay({
    db: shop.database.db,
    publisher: shop.publisher,
    breaker: createBreaker(),
    exchange: shop.broker.topology.exchanges.records,
    log,
    reporter: { captureError: () => undefined },
    everyMs: 50,
    ...more
  })
  relays.push(relay)
  relay.start()
}

const toRow = ({ routingKey, properties, body }: OutgoingMessage, sourceId = crm): NewOutboxRow => ({
  sourceId,
  messageId: properties.messageId,
  routingKey,
  properties,
  body
})

/** Another source of the same vendor. */
const addOther = async (slug: string): Promise<number> => {
  const { sql } = shop.database.db
  const vendorId = (await findVendor(sql, 'costa'))?.id ?? 0
  const source = await createSource(sql, {
    vendorId,
    slug,
    kind: 'webhook',
    format: 'sluice',
    timeZone: 'UTC'
  })
  return source?.id ?? 0
}

const fill = (...rows: readonly NewOutboxRow[]) => insertOutbox(shop.database.db.sql, rows, LIMITS)
const hooks = (name: string, count: number): OutgoingMessage[] =>
  Array.from({ length: count }, (_, n) => shop.hook(`${name}.${n}`, flat(`${name}-${n}`), n))
const ids = (messages: readonly OutgoingMessage[]): string[] =>
  messages.map(({ properties }) => properties.messageId)
const rowsLeft = async (): Promise<number> =>
  (await shop.query<{ count: number }>('SELECT count(*)::int AS count FROM outbox'))[0]?.count ?? -1
const untilEmpty = (): Promise<unknown> =>
  waitFor('the outbox to be empty', async () => (await rowsLeft()) === 0, { everyMs: 20 })

it('publishes each row as it would have been published at once, in order, and leaves no trace', async () => {
  const messages = hooks('d', 450)
  const direct = shop.hook('direct', flat('d-0'), 0)
  await shop.send(direct)
  const [expected] = await shop.broker.take(queue())
  await fill(...messages.map((message) => toRow(message)))
  startRelay()
  await untilEmpty()
  const arrived = await shop.broker.take(queue(), 1_000)
  expect(arrived.map(({ properties }) => String(properties.messageId))).toEqual(ids(messages))
  const { messageId: _, headers, ...properties } = arrived[0]?.properties ?? {}
  const { messageId: __, headers: expectedHeaders, ...expectedProperties } = expected?.properties ?? {}
  expect(properties).toEqual(expectedProperties)
  expect(Object.keys(headers ?? {}).toSorted()).toEqual(Object.keys(expectedHeaders ?? {}).toSorted())
  expect(arrived[0]?.content).toEqual(messages[0]?.body)
  expect(await outboxUsage(shop.database.db.sql)).toEqual([])
})

it('two relays share the work and never publish the same row at once, or twice', async () => {
  const messages = hooks('two', 3_000)
  const inHand = new Map<string, string>()
  const byRelay = new Map<string, number>()
  const met: string[] = []
  const watched = (name: string): Pick<Publisher, 'publish' | 'status'> => ({
    get status() {
      return shop.publisher.status
    },
    publish: async (message, options) => {
      const id = message.properties.messageId
      if (inHand.has(id)) met.push(id)
      inHand.set(id, name)
      byRelay.set(name, (byRelay.get(name) ?? 0) + 1)
      await shop.publisher.publish(message, options)
      inHand.delete(id)
    }
  })
  await fill(...messages.map((message) => toRow(message)))
  for (const name of ['one', 'other']) startRelay({ publisher: watched(name), db: shop.database.open(2) })
  await untilEmpty()
  expect(met).toEqual([])
  expect([...byRelay.values()].every((count) => count > 200)).toBe(true) // both were at it
  expect((await published()).toSorted()).toEqual(ids(messages).toSorted()) // each once
})

it('one that is killed between the confirm and the delete leaves rows that are applied once', async () => {
  const messages = hooks('killed', 100)
  await fill(...messages.map((message) => toRow(message)))
  const dying = run(process.execPath, ['test/support/dying-relay.ts'], {
    cwd: ROOT,
    env: { ...shop.env, CONFIRMS: '60' }
  })
  expect(await dying.exit).toEqual({ code: null, signal: 'SIGKILL' })
  expect(await rowsLeft()).toBe(100) // Postgres knows nothing of it
  const before = await waitFor('what was confirmed', async () => {
    const count = await shop.broker.count(queue())
    return count >= 60 ? count : undefined
  })
  startRelay()
  await untilEmpty()
  expect(await shop.broker.count(queue())).toBe(before + 100) // at least 60 of them for the second time
  const worker = await shop.startWorker()
  const outcomes = await shop.waitForOutcomes(...ids(messages))
  await waitFor('the queue to be empty', async () => (await shop.broker.count(queue())) === 0)
  await worker.stop()
  expect(new Set(ids(messages).map((id) => outcomes[id]))).toEqual(new Set(['created']))
  for (const n of [0, 59, 99]) {
    expect(await listChanges(shop.database.db.sql, 'costa', `killed-${n}`)).toHaveLength(1)
  }
})

it('what the broker refuses stays, in order, and goes when it takes it', async () => {
  const { exchanges } = shop.broker.topology
  const messages = hooks('refused', 20)
  await channel.unbindQueue(queue(), exchanges.records, 'webhook.#')
  try {
    await fill(...messages.map((message) => toRow(message)))
    startRelay()
    await sleep(500)
    expect(await rowsLeft()).toBe(20)
  } finally {
    await channel.bindQueue(queue(), exchanges.records, 'webhook.#')
  }
  await untilEmpty()
  expect(await published()).toEqual(ids(messages))
})

it('of a batch that is taken in part, only the rest is published again', async () => {
  const { exchanges } = shop.broker.topology
  const full = await shop.broker.addQueue('full', {
    'x-queue-type': 'classic',
    'x-max-length': 7,
    'x-overflow': 'reject-publish'
  })
  const messages = hooks('part', 20)
  await channel.bindQueue(full, exchanges.records, 'webhook.#')
  try {
    await fill(...messages.map((message) => toRow(message)))
    startRelay()
    await waitFor('a part to be taken', async () => (await rowsLeft()) < 20)
    expect(await rowsLeft()).toBe(13)
  } finally {
    await channel.unbindQueue(full, exchanges.records, 'webhook.#')
    await shop.broker.deleteQueue(full)
  }
  await untilEmpty()
  expect(new Set(await published())).toEqual(new Set(ids(messages)))
})

it('a broker that is slow gets what it manages, and little of it twice', async () => {
  const { publisher } = shop
  const messages = hooks('slow', 300)
  let sent = 0
  let busyUntil = 0
  await fill(...messages.map((message) => toRow(message)))
  startRelay({
    confirmMs: 100,
    publisher: {
      status: 'ready',
      // One message after another, each taking 5 ms: of a batch, some twenty are confirmed in time, and all arrive.
      publish: async (message, { timeoutMs = 0 } = {}) => {
        sent += 1
        busyUntil = Math.max(busyUntil, performance.now()) + 5
        const takesMs = busyUntil - performance.now()
        await publisher.publish(message)
        await sleep(Math.min(takesMs, timeoutMs))
        if (takesMs > timeoutMs) throw new PublishError('PUBLISH_UNKNOWN', 'late')
      }
    }
  })
  await untilEmpty()
  expect(new Set(await published())).toEqual(new Set(ids(messages)))
  expect(sent).toBeGreaterThan(300) // so it was slow
  expect(sent).toBeLessThan(3 * 300)
})

it('rows that cannot be published are dead letters and reported, and keep no other from being published', async () => {
  const reported: unknown[] = []
  const messages = hooks('good', 5)
  const [first] = messages
  if (first === undefined) throw new Error('no message')
  // More of them than a batch takes, and older than the others.
  const bad = Array.from({ length: 250 }, (_, n) => ({
    ...toRow(first),
    messageId: `bad.${n}`,
    properties: { messageId: `bad.${n}`, headers: 7 }
  }))
  await fill(...bad)
  await fill(...messages.map((message) => toRow(message)))
  startRelay({ reporter: { captureError: (thrown) => void reported.push(thrown) } })
  await untilEmpty()
  expect(await published()).toEqual(ids(messages))
  expect(reported).toHaveLength(250)
  const letters = await shop.query<{ id: string; body: Buffer }>(
    "SELECT message_id AS id, body FROM dead_letters WHERE fault_code = 'OUTBOX_UNPUBLISHABLE' ORDER BY id"
  )
  expect(letters.map(({ id }) => id).toSorted()).toEqual(bad.map(({ messageId }) => messageId).toSorted())
  expect(letters.every(({ body }) => Buffer.from(body).equals(first.body))).toBe(true)
  expect(await outboxUsage(shop.database.db.sql)).toEqual([]) // their room is given back
})

it('a source with much gives way to the others after each batch, and keeps its own order', async () => {
  const other = await addOther('crm-fair')
  await fill(...hooks('many', 600).map((message) => toRow(message)))
  await fill(...hooks('few', 10).map((message) => toRow(message, other)))
  startRelay()
  await untilEmpty()
  const order = await published()
  expect(order.findIndex((id) => id.startsWith('few'))).toBeLessThanOrEqual(200) // behind one batch, not behind all
  expect(order.filter((id) => id.startsWith('many'))).toEqual(ids(hooks('many', 600)))
})

it('an outage that ends each turn early does not always end it in front of the same source', async () => {
  const other = await addOther('crm-behind')
  await fill(...hooks('front', 300).map((message) => toRow(message)))
  await fill(...hooks('behind', 1).map((message) => toRow(message, other)))
  const asked: string[] = []
  const { publisher } = shop
  startRelay({
    publisher: {
      status: 'ready',
      publish: async (message) => {
        asked.push(message.properties.messageId)
        if (message.properties.messageId.startsWith('front')) throw new PublishError('PUBLISH_NACKED', 'full')
        await publisher.publish(message)
      }
    }
  })
  await waitFor('the one behind', () => asked.includes('behind.0'))
  await waitFor('it to be taken', async () => (await rowsLeft()) === 300)
})

it('a paused source waits until it is resumed, and others do not', async () => {
  const { sql } = shop.database.db
  const other = await addOther('crm-2')
  await pauseSource(sql, 'crm')
  await fill(
    ...hooks('paused', 5).map((message) => toRow(message)),
    ...hooks('running', 5).map((message) => toRow(message, other))
  )
  startRelay()
  await waitFor('the other source', async () => (await rowsLeft()) === 5)
  await sleep(200)
  expect(await published()).toEqual(ids(hooks('running', 5)))
  await resumeSource(sql, 'crm')
  const resumedAt = Date.now()
  await untilEmpty()
  expect(Date.now() - resumedAt).toBeLessThan(2_000)
  expect(await published()).toEqual(ids(hooks('paused', 5)))
})

it('asks no Postgres while there is no broker', async () => {
  let asked = 0
  const { db } = shop.database
  const sql = new Proxy(db.sql, {
    get: (target, name, receiver) => {
      asked += 1
      return Reflect.get(target, name, receiver) as unknown
    }
  })
  startRelay({ db: { ...db, sql }, publisher: { ...shop.publisher, status: 'blocked' } })
  await sleep(300)
  expect(asked).toBe(0)
})

it('a statement of a megabyte, and many of them, pass', async () => {
  const body = Buffer.from(JSON.stringify({ ...flat('big'), text: 'x'.repeat(1_000_000) }))
  for (const message of hooks('big', 12)) await fill({ ...toRow(message), body })
  startRelay()
  await untilEmpty()
  expect(await published()).toHaveLength(12)
})
