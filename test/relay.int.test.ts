import { afterAll, beforeAll, expect, test } from 'vitest'
import { createLock } from '@sluice/prisma/lock'
import { appendChanges, type NewOfferChange } from '@sluice/prisma/tables/offer-changes'
import { streamPosition } from '@sluice/prisma/tables/offer-stream'
import { writeOffers } from '@sluice/prisma/tables/offers'
import { PublishError } from '@sluice/shared/broker'
import type { OutgoingMessage } from '@sluice/shared/envelope'
import { createLogger } from '@sluice/shared/log'
import { fromOfferMessage, type OfferChange } from '@sluice/shared/offer-change'
import { createRelay, type Relay, type RelayDeps } from '../worker/src/relay/relay.ts'
import { createDatabase, type TestDatabase } from './support/database.ts'
import { waitFor } from './support/process.ts'
import { anOffer, aVendor, stampAt } from './support/store.ts'

const toJson = (document: object): Buffer => Buffer.from(JSON.stringify(document))

let database: TestDatabase
let vendorId: number
beforeAll(async () => {
  database = await createDatabase()
  vendorId = (await aVendor(database.db.sql, 'costa')).id
})
afterAll(() => database.drop())

const change = (externalId: string, revision: number): NewOfferChange => ({
  vendorId,
  externalId,
  revision,
  kind: revision === 1 ? 'created' : 'updated',
  units: { title: { new: `${externalId} ${revision}` } },
  stamp: stampAt(revision),
  source: 'crm',
  messageId: `${externalId}.${revision}`
})

/** A broker in a bad mood: messages arrive late and in any order, some are refused, some arrive unconfirmed. */
const createMoodyBroker = () => {
  let asked = 0
  const arrived: number[] = []
  const units = new Map<number, unknown>()
  const told = { nacked: 0, unknown: 0, fromTable: 0, fromMemory: 0 }
  return {
    arrived,
    units,
    told,
    publish: async (message: OutgoingMessage): Promise<void> => {
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 4))
      asked += 1
      if (asked % 223 === 0) {
        told.nacked += 1
        throw new PublishError('PUBLISH_NACKED', 'a queue refused it')
      }
      const change = fromOfferMessage(message)
      arrived.push(change.seq)
      units.set(change.seq, change.units)
      // jsonb as text has blanks.
      told[message.body.includes('"title": ') ? 'fromTable' : 'fromMemory'] += 1
      if (asked % 239 === 0) {
        told.unknown += 1
        throw new PublishError('PUBLISH_UNKNOWN', 'no confirm in time')
      }
    }
  }
}

const aRelay = (name: string, publisher: RelayDeps['publisher']): Relay =>
  createRelay({
    db: database.db,
    lock: createLock({ url: database.url, key: '4711', applicationName: `test relay ${name}` }),
    publisher,
    exchange: 'offers',
    isPaused: () => false,
    onPublished: () => undefined,
    log: createLogger({ service: 'test', level: 'silent' }),
    reporter: { captureError: (error) => expect.unreachable(String(error)) }
  })

test('every change arrives, and none before the one before it of its offer, whatever the broker does', async () => {
  const { db } = database
  const broker = createMoodyBroker()
  const relays = ['one', 'another'].map((name) => aRelay(name, broker))
  for (const relay of relays) relay.start()
  const REVISIONS = 6
  const ids = Array.from({ length: 40 }, (_, n) => `o${n}`)
  for (let revision = 1; revision <= REVISIONS; revision++) {
    for (let at = 0; at < ids.length; at += 10) {
      const changes = ids.slice(at, at + 10).map((id) => change(id, revision))
      await appendChanges(db.sql, changes)
      // Some in the relays' own processes, some in another.
      if (at % 20 === 0) for (const relay of relays) relay.committed(changes, toJson)
    }
  }
  const all = ids.length * REVISIONS
  await waitFor('all to be published', async () => (await streamPosition(db.sql)).publishedSeq === all)
  for (const relay of relays) await relay.stop(5_000)

  // The moods were there.
  expect(broker.told.nacked).toBeGreaterThan(0)
  expect(broker.told.unknown).toBeGreaterThan(0)
  expect(broker.told.fromTable).toBeGreaterThan(0)
  expect(broker.told.fromMemory).toBeGreaterThan(0)
  const order = [...new Set(broker.arrived)]
  expect(order.toSorted((a, b) => a - b)).toEqual(Array.from({ length: all }, (_, n) => n + 1))
  const rows = await db.sql.$queryRaw<{ seq: number; id: string; revision: number; units: unknown }[]>`
    SELECT seq::float8 AS seq, external_id AS id, revision, units FROM offer_history`
  const bySeq = new Map(rows.map((row) => [row.seq, row]))
  const heard = new Map<string, number>()
  for (const seq of order) {
    const { id = '', revision, units } = bySeq.get(seq) ?? {}
    expect(broker.units.get(seq), id).toEqual(units)
    expect(revision, id).toBe((heard.get(id) ?? 0) + 1)
    heard.set(id, revision ?? 0)
  }
})

test('what was just committed is told without looking for its document, in its place among what others committed', async () => {
  const { db } = database
  const { publishedSeq } = await streamPosition(db.sql)
  const heard: OfferChange[] = []
  const relay = aRelay('of new offers', {
    publish: async (message) => void heard.push(fromOfferMessage(message))
  })
  relay.start()
  await waitFor('the relay to lead', () => relay.isLeading)

  const ids = ['new 1', 'new 2', 'new 3']
  const offers = ids.map((externalId) => anOffer({ vendorId, externalId, content: { transaction: 'sale' } }))
  const changes = ids.map((id) => ({ ...change(id, 1), units: { transaction: { new: id } } }))
  await db.transaction(async (tx) => {
    await writeOffers(tx, offers)
    // As the worker writes the first change of an offer: without a copy of what the offer says.
    await appendChanges(
      tx,
      changes.map(({ units: _units, ...stored }) => stored)
    )
  })
  relay.committed(
    changes.filter(({ externalId }) => externalId !== 'new 2'),
    toJson
  )
  await waitFor('all to be published', () => heard.length === ids.length)
  await relay.stop(5_000)

  expect(heard.map(({ seq }) => seq - publishedSeq)).toEqual([1, 2, 3])
  // Other units than the offer has: so one sees where they came from.
  expect(heard.map(({ units }) => units?.['transaction']?.new)).toEqual(['new 1', 'sale', 'new 3'])
})
