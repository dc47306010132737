import type { GetMessage } from 'amqplib'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { fromOfferMessage, type OfferChange } from '@sluice/shared/offer-change'
import { readChanges } from '@sluice/prisma/tables/offer-changes'
import { streamPosition } from '@sluice/prisma/tables/offer-stream'
import { waitFor } from './support/process.ts'
import { createWorkshop, flat, type RunningWorker, type Workshop } from './support/workshop.ts'

let shop: Workshop
let queue: string
let queues = 0
let hooks = 0

beforeAll(async () => {
  shop = await createWorkshop()
})
afterAll(() => shop.remove())
beforeEach(async () => {
  queue = await shop.broker.addQueue(`consumer-${(queues += 1)}`)
  await shop.broker.bind(queue, shop.broker.topology.exchanges.offers, '#')
})
const workers: RunningWorker[] = []
afterEach(async () => {
  await Promise.all(workers.splice(0).map((worker) => worker.stop()))
  await shop.broker.deleteQueue(queue).catch(() => undefined) // the test may have done so
})
const start = async (): Promise<RunningWorker> => {
  const worker = await shop.startWorker()
  workers.push(worker)
  return worker
}

const position = () => streamPosition(shop.database.db.sql)
const published = async (): Promise<number> => (await position()).publishedSeq
/** Sends offers one after another, each settled before the next; returns their message ids. */
const sell = async (...offers: readonly (readonly [id: string, amount: number])[]): Promise<string[]> => {
  const ids: string[] = []
  for (const [id, amount] of offers) {
    hooks += 1
    ids.push(`s.${hooks}`)
    await shop.send(shop.hook(`s.${hooks}`, flat(id, amount), hooks, { traceparent: TRACEPARENT }))
    await shop.waitForOutcomes(`s.${hooks}`)
  }
  return ids
}
const TRACEPARENT = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'
/** What has arrived, at least `count` messages. */
const receive = async (count: number): Promise<{ message: GetMessage; change: OfferChange }[]> => {
  await waitFor(`${count} changes`, async () => (await shop.broker.count(queue)) >= count)
  const messages = await shop.broker.take(queue)
  return messages.map((message) => ({ message, change: fromOfferMessage({ body: message.content }) }))
}
const priceOf = ({ units }: OfferChange): unknown =>
  (units?.['listPrice']?.new as { amount: string } | undefined)?.amount
/** Duplicates are allowed, another order is not. */
const firstOf = (changes: readonly OfferChange[]): number[] => [...new Set(changes.map(({ seq }) => seq))]

describe('a change of an offer', () => {
  test('leaves the house with everything a consumer needs', async () => {
    await start()
    const before = await published()
    const [messageId] = await sell(['whole', 100])
    const [received] = await receive(1)
    expect(received?.change).toMatchObject({
      seq: before + 1,
      vendor: 'costa',
      externalId: 'whole',
      revision: 1,
      kind: 'created',
      source: 'crm',
      messageId,
      units: { transaction: { new: 'sale' } }
    })
    const { fields, properties } = received?.message ?? {}
    expect(fields?.routingKey).toBe('costa.created')
    expect(properties).toMatchObject({
      deliveryMode: 2,
      messageId: String(before + 1),
      type: 'offer-change',
      contentType: 'application/json',
      headers: {
        vendor: 'costa',
        'external-id': 'whole',
        revision: 1,
        kind: 'created',
        seq: before + 1,
        source: 'crm',
        stamp: received?.change.stamp,
        traceparent: TRACEPARENT
      }
    })
    const [row] = await readChanges(shop.database.db.sql, { after: before })
    expect(row).toEqual({ ...received?.change, traceparent: TRACEPARENT })
  })

  test('leaves after the one before it, whatever happens to others; what changes nothing does not', async () => {
    await start()
    const before = await published()
    await sell(['a', 1], ['b', 1], ['a', 2], ['a', 2], ['b', 2], ['a', 3])
    const changes = (await receive(5)).map(({ change }) => change)
    expect(changes.map(({ seq }) => seq - before)).toEqual([1, 2, 3, 4, 5])
    const of = (id: string) => changes.filter(({ externalId }) => externalId === id)
    expect(of('a').map((change) => [change.revision, priceOf(change)])).toEqual([
      [1, '1'],
      [2, '2'],
      [3, '3']
    ])
    expect(of('b').map(({ kind }) => kind)).toEqual(['created', 'updated'])
  })

  test('that nobody listens to is no error, and is read by its seq later', async () => {
    await shop.broker.deleteQueue(queue)
    await start()
    const before = await published()
    await sell(['unheard', 1], ['unheard', 2])
    await waitFor('both to be published', async () => (await published()) === before + 2)
    const rows = await readChanges(shop.database.db.sql, { after: before })
    expect(rows.map(({ revision }) => revision)).toEqual([1, 2])
  })
})

describe('the relay', () => {
  test('waits for a queue that refuses, numbers all the same, and goes on in order with the same seqs', async () => {
    await shop.broker.deleteQueue(queue)
    queue = await shop.broker.addQueue(`full-${queues}`, {
      'x-overflow': 'reject-publish',
      'x-max-length': 1
    })
    await shop.broker.bind(queue, shop.broker.topology.exchanges.offers, '#')
    await start()
    const before = await published()
    const offers = Array.from({ length: 20 }, (_, n) => [`full-${n % 4}`, n + 1] as const)
    await sell(...offers)
    const all = before + offers.length
    await waitFor('all to have a place', async () => (await position()).lastSeq === all)
    expect(await published()).toBeLessThan(all)
    const changes: OfferChange[] = []
    await waitFor('the stream to have passed', async () => {
      changes.push(...(await receive(0)).map(({ change }) => change))
      return firstOf(changes).length === offers.length && (await published()) === all
    })
    expect(firstOf(changes)).toEqual(offers.map((_, n) => before + 1 + n))
  })

  test('of one worker does the work, and of another one when that has stopped', async () => {
    const two = [await start(), await start()]
    const roleOf = async ({ healthPort }: RunningWorker): Promise<string> => {
      const answer = await fetch(`http://127.0.0.1:${healthPort}/readyz`)
      return ((await answer.json()) as { parts: { relay: string } }).parts.relay
    }
    const roles = () => Promise.all(two.map(roleOf))
    const before = await published()
    await waitFor('one to lead', async () => (await roles()).includes('leading'))
    expect(new Set(await roles())).toEqual(new Set(['leading', 'standby']))
    await sell(['pair', 1])
    await receive(1)

    const leader = two[(await roles()).indexOf('leading')]
    await leader?.stop()
    await sell(['pair', 2], ['pair', 3])
    const changes = (await receive(2)).map(({ change }) => change)
    expect(changes.map(({ seq }) => seq)).toEqual([before + 2, before + 3])
  })

  test('that loses its lock gets it again, or another one does', async () => {
    await start()
    const before = await published()
    await sell(['lock', 1])
    await receive(1)
    await shop.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
       WHERE application_name = 'sluice-worker-relay-lock' AND datname = current_database()`
    )
    await sell(['lock', 2])
    const changes = (await receive(1)).map(({ change }) => change)
    expect(firstOf(changes)).toEqual([before + 2])
  })
})
