import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { OutgoingMessage } from '@sluice/shared/envelope'
import { toReplay } from '@sluice/shared/replay'
import type { Fact } from '@sluice/shared/merge'
import { markReplayed } from '@sluice/prisma/tables/dead-letter-acts'
import { findDeadLetter, listDeadLetters } from '@sluice/prisma/tables/dead-letters'
import { settledOutcomes } from '@sluice/prisma/tables/feed-runs'
import { listChanges } from '@sluice/prisma/tables/offer-changes'
import { findOffer } from '@sluice/prisma/tables/offers'
import { listRejections } from '@sluice/prisma/tables/rejections'
import { toMessage } from '../worker/src/message.ts'
import { oddMessages } from './support/odd-messages.ts'
import { waitFor } from './support/process.ts'
import { createWorkshop, flat, type Workshop } from './support/workshop.ts'

let shop: Workshop
const workers: { stop: () => Promise<unknown> }[] = []

const start = async (options?: Parameters<Workshop['startWorker']>[0]): Promise<void> => {
  workers.push(await shop.startWorker(options))
}
const offer = (externalId: string) => findOffer(shop.database.db.sql, 'costa', externalId)
/** Oldest first. */
const changes = async (externalId: string) =>
  (await listChanges(shop.database.db.sql, 'costa', externalId)).toReversed()
const deadLetters = () => listDeadLetters(shop.database.db.sql)
/** Sends one after the other, each settled before the next: the order of arrival is the order given. */
const sendInOrder = async (...messages: readonly OutgoingMessage[]): Promise<void> => {
  for (const message of messages) {
    await shop.send(message)
    await shop.waitForOutcomes(message.properties.messageId)
  }
}

const flatUnits = ({ change }: Fact) => (change.kind === 'upsert' ? change.units : {})

/** A format that lets U+0000 through, which jsonb does not take: it fails in the batch's own statement. */
const withNul: typeof toMessage = (envelope, source) => {
  const message = toMessage(envelope, source)
  if (envelope.externalId !== 'd33' || !('fact' in message.meaning)) return message
  const { fact } = message.meaning
  const units = { ...flatUnits(fact), privateRemarks: 'a\u0000b' }
  return { ...message, meaning: { fact: { ...fact, change: { kind: 'upsert', units } } } }
}

beforeAll(async () => {
  shop = await createWorkshop()
})
afterEach(async () => {
  await Promise.all(workers.splice(0).map((worker) => worker.stop()))
  for (const queue of shop.broker.topology.queueSpecs) await shop.broker.purge(queue.name)
})
afterAll(() => shop.remove())

describe('what becomes of a message', () => {
  test('is recorded truthfully: created, updated, unchanged, stale, withdrawn, incomplete, rejected', async () => {
    await start()
    const { price: _, ...withoutPrice } = flat('o1')
    await sendInOrder(
      shop.hook('o.created', flat('o1'), 10),
      shop.hook(
        'o.updated',
        { id: 'o1', change: 'patch', price: { amount: 180_000, currency: 'EUR', period: 'total' } },
        20
      ),
      shop.hook('o.unchanged', flat('o1', 180_000), 30),
      shop.hook('o.stale', flat('o1', 999), 5),
      shop.hook('o.rejected', withoutPrice, 40),
      shop.hook('o.withdrawn', { id: 'o1', change: 'withdraw', reason: 'sold' }, 50),
      shop.hook('o.incomplete', { id: 'o2', change: 'patch', status: 'pending' }, 60)
    )
    const outcomes = await shop.outcomes()
    for (const name of ['created', 'updated', 'unchanged', 'stale', 'rejected', 'withdrawn', 'incomplete'])
      expect(outcomes[`o.${name}`]).toBe(name)

    expect(await offer('o1')).toMatchObject({
      state: 'withdrawn',
      revision: 3,
      content: { listPrice: { amount: '180000' } }
    })
    expect((await changes('o1')).map(({ kind, revision }) => `${revision} ${kind}`)).toEqual([
      '1 created',
      '2 updated',
      '3 withdrawn'
    ])
    expect((await changes('o1'))[1]?.units).toEqual({
      listPrice: {
        old: { amount: '185000', currency: 'EUR', period: 'total' },
        new: { amount: '180000', currency: 'EUR', period: 'total' }
      }
    })
    const [row] = await shop.query<{ code: string; path: string; record: unknown }>(
      `SELECT code, path, record FROM deliveries WHERE message_id = 'o.rejected'`
    )
    expect(row).toMatchObject({ path: '/price', record: { id: 'o1' } })
  })

  test('an incomplete offer is completed by its upsert and only then seen, at revision 1', async () => {
    await start()
    await sendInOrder(
      shop.hook('i.1', { id: 'i1', change: 'patch', status: 'pending' }, 20),
      shop.hook('i.2', flat('i1'), 10)
    )
    expect(await shop.outcomes()).toMatchObject({ 'i.1': 'incomplete', 'i.2': 'created' })
    expect(await offer('i1')).toMatchObject({
      state: 'active',
      revision: 1,
      content: { standardStatus: 'pending' }
    })
    expect(await changes('i1')).toHaveLength(1)
  })

  test('a rejection is closed by a newer record that applies, and by nothing older', async () => {
    await start()
    const { price: _, ...broken } = flat('j1')
    const open = async () =>
      (await listRejections(shop.database.db.sql, { open: true })).filter(
        ({ externalId }) => externalId === 'j1'
      )
    await sendInOrder(shop.hook('j.1', broken, 20), shop.hook('j.2', flat('j1'), 10))
    expect(await open()).toMatchObject([{ sourceSlug: 'crm', path: '/price', count: 1, messageId: 'j.1' }])
    await sendInOrder(shop.hook('j.3', flat('j1'), 30))
    expect(await open()).toEqual([])
  })

  test('a record that is wrong and older than what was last said opens no rejection, though nothing changed', async () => {
    await start()
    const { price: _, ...broken } = flat('jo')
    await sendInOrder(
      shop.hook('jo.1', flat('jo'), 10),
      shop.hook('jo.2', flat('jo'), 30),
      shop.hook('jo.3', broken, 20)
    )
    expect(await shop.outcomes()).toMatchObject({ 'jo.2': 'unchanged', 'jo.3': 'rejected' })
    const open = await listRejections(shop.database.db.sql, { externalId: 'jo' })
    expect(open).toEqual([])
    await sendInOrder(shop.hook('jo.4', broken, 40))
    expect(await listRejections(shop.database.db.sql, { externalId: 'jo', open: true })).toHaveLength(1)
  })

  test('a withdrawal that arrives before the older upsert it supersedes wins', async () => {
    await start()
    await sendInOrder(
      shop.hook('w.1', { id: 'w1', change: 'withdraw', reason: 'sold' }, 20),
      shop.hook('w.2', flat('w1'), 10)
    )
    expect(await offer('w1')).toMatchObject({ state: 'withdrawn', content: { presence: { reason: 'sold' } } })
  })

  test('several messages of one offer in one batch end as if applied one after another', async () => {
    const amounts = Array.from({ length: 20 }, (_, index) => 1_000 + index)
    await shop.send(...amounts.map((amount, index) => shop.hook(`s.${index}`, flat('s1', amount), index)))
    await start()
    await shop.waitForOutcomes(...amounts.map((_, index) => `s.${index}`))
    const after = await offer('s1')
    expect(after?.content.listPrice).toMatchObject({ amount: '1019' })
    const revisions = (await changes('s1')).map(({ revision }) => revision)
    expect(revisions).toEqual(revisions.map((_, index) => index + 1))
    expect(after?.revision).toBe(revisions.length)
  })

  test('feed records and vanished ones are noted by run, and the vanished withdrawn', async () => {
    await start()
    await shop.send(shop.feed(1, 0, flat('f1'), 10), shop.feed(1, 1, flat('f2'), 10))
    await waitFor('the feed', async () => Object.keys(await shop.feedOutcomes()).length >= 2)
    const gone = shop.feed(2, 0, { id: 'f2' }, 20)
    await shop.send({ ...gone, body: Buffer.alloc(0), properties: { ...gone.properties, type: 'vanished' } })
    await waitFor('the vanished', async () => (await shop.feedOutcomes())['f2'] === 'withdrawn')
    expect(await offer('f1')).toMatchObject({ state: 'active' })
    expect(await offer('f2')).toMatchObject({
      state: 'withdrawn',
      content: { presence: { reason: 'vanished' } }
    })
    expect(
      await shop.query(
        `SELECT external_id AS id, run_id::text AS run FROM feed_records WHERE external_id IN ('f1', 'f2') ORDER BY 1`
      )
    ).toEqual([
      { id: 'f1', run: '1' },
      { id: 'f2', run: '2' }
    ])
  })
})

describe('two workers', () => {
  test('the same patch through both, twice, has one effect', async () => {
    await start()
    await start()
    await sendInOrder(shop.hook('t.0', flat('t1'), 10))
    const patch = { id: 't1', change: 'patch', price: { amount: 1, currency: 'EUR', period: 'total' } }
    const copies = Array.from({ length: 40 }, (_, index) => shop.hook(`t.${index + 1}`, patch, 20))
    await shop.send(...copies, ...copies)
    const outcomes = await shop.waitForOutcomes(...copies.map(({ properties }) => properties.messageId))
    await waitFor(
      'the queue to be empty',
      async () => (await shop.broker.count(shop.broker.topology.queues.webhook)) === 0
    )
    expect(await offer('t1')).toMatchObject({ revision: 2, content: { listPrice: { amount: '1' } } })
    expect(await changes('t1')).toHaveLength(2)
    const told = copies.map(({ properties }) => outcomes[properties.messageId])
    expect(told.filter((outcome) => outcome === 'updated')).toHaveLength(1)
  })

  test('600 interleaved changes of 3 offers, each of one unit, end in the newest of every unit', async () => {
    const env = { WORKER_WEBHOOK_BATCHES: '4' }
    await start({ env })
    await start({ env })
    const fields = [
      (n: number) => ({ price: { amount: n, currency: 'EUR', period: 'total' } }),
      (n: number) => ({ reference: `ref-${n}` }),
      (n: number) => ({ rooms: { total: n } }),
      (n: number) => ({ privateNotes: `note ${n}` })
    ]
    await sendInOrder(...[0, 1, 2].map((index) => shop.hook(`r.base.${index}`, flat(`r${index}`), 0)))
    const sent = Array.from({ length: 600 }, (_, n) => {
      const field = fields[n % 4]?.(n) ?? {}
      return shop.hook(`r.${n}`, { id: `r${n % 3}`, change: 'patch', ...field }, n + 1)
    }).toSorted(() => Math.random() - 0.5)
    await shop.send(...sent)
    const outcomes = await shop.waitForOutcomes(...sent.map(({ properties }) => properties.messageId))
    const told = new Set(sent.map(({ properties }) => outcomes[properties.messageId]))
    expect([...told].filter((outcome) => outcome !== 'updated' && outcome !== 'stale')).toEqual([])
    for (let index = 0; index < 3; index++) {
      const newest = (field: number): number =>
        Math.max(...Array.from({ length: 600 }, (_, n) => (n % 4 === field && n % 3 === index ? n : 0)))
      const after = await offer(`r${index}`)
      expect(after?.content).toMatchObject({
        listPrice: { amount: String(newest(0)) },
        listingId: `ref-${newest(1)}`,
        rooms: { roomsTotal: newest(2) },
        privateRemarks: `note ${newest(3)}`
      })
      const revisions = (await changes(`r${index}`)).map(({ revision }) => revision)
      expect(revisions).toEqual(revisions.map((_, at) => at + 1))
      expect(after?.revision).toBe(revisions.length)
    }
  })
})

describe('bad messages cost only themselves', () => {
  test('one invalid record among 100 is rejected with its path, 99 are applied', async () => {
    const records = Array.from({ length: 100 }, (_, index) =>
      shop.feed(
        3,
        index,
        index === 50 ? { ...flat(`p${index}`), price: { amount: 'cheap' } } : flat(`p${index}`),
        10
      )
    )
    await shop.send(...records)
    await start()
    const outcomes = await waitFor('the batch', async () => {
      const known = Object.entries(await shop.feedOutcomes()).filter(([id]) => /^p\d/.test(id))
      return known.length === 100 ? known : undefined
    })
    expect(outcomes.filter(([, outcome]) => outcome === 'created')).toHaveLength(99)
    expect(outcomes.filter(([, outcome]) => outcome === 'rejected')).toEqual([['p50', 'rejected']])
  })

  test('data the database refuses is bisected down to the guilty record', async () => {
    const records = Array.from({ length: 60 }, (_, index) => shop.feed(4, index, flat(`d${index}`), 10))
    await shop.send(...records)
    await start({ interpret: withNul })
    const outcomes = await waitFor('the batch', async () => {
      const known = Object.entries(await shop.feedOutcomes()).filter(([id]) => /^d\d/.test(id))
      return known.length === 60 ? known : undefined
    })
    expect(outcomes.filter(([, outcome]) => outcome === 'rejected')).toEqual([['d33', 'rejected']])
    expect(outcomes.filter(([, outcome]) => outcome === 'created')).toHaveLength(59)
    const [rejection] = await listRejections(shop.database.db.sql, { open: true, sourceSlug: 'feed' })
    expect(rejection).toMatchObject({ externalId: 'd33', code: 'DB_DATA', runId: '4' })
  })

  test('the id of a place that is gone is asked for again, for a message by itself too', async () => {
    await start()
    await sendInOrder(shop.hook('g.1', flat('g1'), 10))
    await shop.query('DELETE FROM locations')
    await sendInOrder(shop.hook('g.2', flat('g2'), 10))
    expect((await shop.outcomes())['g.2']).toBe('created')
  })

  test('what cannot be read becomes a dead letter with the reason, at once', async () => {
    await start()
    const good = shop.hook('u.good', flat('u1'), 10)
    await shop.send(
      { ...good, body: Buffer.from('<xml>'), properties: { ...good.properties, messageId: 'u.body' } },
      shop.hook('u.format', flat('u1'), 10, { format: 'nonesuch' }),
      shop.hook('u.source', flat('u1'), 10, { source: 'nonesuch' }),
      shop.hook('u.lane', flat('u1'), 10, { lane: 'sideways' }),
      shop.hook('u.id', flat('u1'), 10, { 'external-id': 'u\u00001' }),
      shop.hook('u.run', flat('u1'), 10, { run: '9999999999999999999' }),
      shop.hook('u.large', flat('u1'), 10, { lane: 'sideways', padding: 'x'.repeat(60_000) }),
      good
    )
    const letters = await waitFor('the dead letters', async () => {
      const known = await deadLetters()
      return known.length >= 7 ? known : undefined
    })
    const reasons = new Map(letters.map(({ messageId, faultMessage }) => [messageId, faultMessage]))
    expect(reasons.get('u.body')).toContain('the body is not JSON')
    expect(reasons.get('u.format')).toContain('no format "nonesuch"')
    expect(reasons.get('u.source')).toContain('no source "nonesuch"')
    expect(reasons.get('u.lane')).toContain('lane')
    expect(reasons.get('u.large')).toContain('lane')
    expect(reasons.get('u.id')).toContain('external-id')
    expect(reasons.get('u.run')).toContain('run')
    expect(
      letters.every(({ faultCode, attempts }) => faultCode === 'ENVELOPE_INVALID' && attempts === 0)
    ).toBe(true)
    const outcomes = await shop.waitForOutcomes('u.body', 'u.good')
    expect(outcomes['u.body']).toBe('dead')
    expect(outcomes['u.good']).toBe('created')
    const letter = await findDeadLetter(
      shop.database.db.sql,
      letters.find(({ messageId }) => messageId === 'u.body')?.id ?? ''
    )
    expect(Buffer.from(letter?.body ?? []).toString()).toBe('<xml>')
  })
})

describe('a damaged message', () => {
  test('is dead, once and with its bytes, however odd; one that is only large is applied', async () => {
    await start()
    const { sound, dead } = oddMessages(shop)
    await shop.send(...dead, ...sound)
    const sent = new Map(dead.map(({ properties, body }) => [properties.messageId, body]))
    const letters = await waitFor('the dead letters', async () => {
      const known = (await deadLetters()).filter(({ messageId = '' }) => sent.has(messageId))
      return known.length >= dead.length ? known : undefined
    })
    await shop.waitForOutcomes(...sound.map(({ properties }) => properties.messageId))
    expect(letters).toHaveLength(dead.length)
    for (const { id, messageId = '', faultCode } of letters) {
      const letter = await findDeadLetter(shop.database.db.sql, id)
      expect(faultCode).toBe('ENVELOPE_INVALID')
      expect(sent.get(messageId)?.equals(Buffer.from(letter?.body ?? []))).toBe(true)
    }
    const outcomes = await shop.outcomes()
    expect(sound.map(({ properties }) => outcomes[properties.messageId])).toEqual(['created', 'created'])
  })

  test('is stored among the dead, whatever its headers say', async () => {
    await start()
    const message = shop.hook('h.1', flat('h1'), 10, {
      lane: 'sideways',
      attempt: 1e12,
      'first-seen': '+275760-09-13T00:00:00.000Z'
    })
    await shop.send({ ...message, exchange: shop.broker.topology.exchanges.dead })
    const letter = await waitFor('the dead letter', async () =>
      (await deadLetters()).find(({ messageId }) => messageId === 'h.1')
    )
    expect(letter).toMatchObject({ attempts: 2_147_483_647, headers: { attempt: 1e12 } })
    expect(letter.firstSeenAt).toBeUndefined()
  })
})

describe('a bug', () => {
  test('sends its message up the ladder, leaves its neighbours alone, and heals when it is gone', async () => {
    let isBroken = true
    const interpret: typeof toMessage = (envelope, source) => {
      if (isBroken && envelope.externalId === 'b13')
        throw new TypeError('cannot read properties of undefined')
      return toMessage(envelope, source)
    }
    await shop.send(
      ...Array.from({ length: 20 }, (_, index) => shop.hook(`b.${index}`, flat(`b${index}`), 10))
    )
    await start({ interpret })
    const first = await waitFor('the first step of the ladder', async () =>
      (await shop.broker.peek(`${shop.broker.namespace}.retry.5s.v1`)).at(0)
    )
    expect(first.fields.routingKey).toBe('5s.webhook')
    expect(first.properties.headers).toMatchObject({
      attempt: 1,
      'external-id': 'b13',
      'fault-class': 'TypeError',
      'fault-message': 'cannot read properties of undefined'
    })
    const outcomes = await shop.outcomes()
    expect(outcomes['b.13']).toBe('retried')
    expect(
      Object.entries(outcomes).filter(([id, outcome]) => /^b\.\d/.test(id) && outcome === 'created')
    ).toHaveLength(19)

    isBroken = false
    await waitFor('the retry', async () => (await shop.outcomes())['b.13'] === 'created', {
      timeoutMs: 15_000
    })
    expect(await offer('b13')).toMatchObject({ state: 'active', revision: 1 })
    expect((await deadLetters()).filter(({ messageId }) => messageId === 'b.13')).toEqual([])
  })

  test('that outlasts the ladder ends as a dead letter; replayed after the fix it is applied once', async () => {
    let isBroken = true
    const interpret: typeof toMessage = (envelope, source) => {
      if (isBroken) throw new RangeError('out of range')
      return toMessage(envelope, source)
    }
    await start({ interpret })
    await shop.send(shop.hook('l.1', flat('l1'), 10, { attempt: 5 }))
    const letter = await waitFor('the dead letter', async () =>
      (await deadLetters()).find(({ messageId }) => messageId === 'l.1')
    )
    expect(letter).toMatchObject({
      faultClass: 'RangeError',
      faultMessage: 'out of range',
      attempts: 5,
      lane: 'webhook'
    })
    await waitFor('the books', async () => (await shop.outcomes())['l.1'] === 'dead')
    const { recent } = shop.broker.topology.queues
    await waitFor('it to be shown', async () => (await shop.broker.count(recent)) > 0)

    isBroken = false
    const stored = await findDeadLetter(shop.database.db.sql, letter.id)
    if (stored === undefined) throw new Error('the letter is gone')
    await shop.send(toReplay(stored, shop.broker.topology), toReplay(stored, shop.broker.topology))
    await markReplayed(shop.database.db.sql, [letter.id], { actor: 'test' })
    await waitFor('the replay', async () => (await shop.outcomes())['l.1'] === 'created')
    await waitFor(
      'the queue to be empty',
      async () => (await shop.broker.count(shop.broker.topology.queues.webhook)) === 0
    )
    expect(await offer('l1')).toMatchObject({ state: 'active', revision: 1 })
    expect((await deadLetters()).filter((other) => other.messageId === 'l.1')).toHaveLength(1)
  })
})

describe('a delivery that came back too often', () => {
  test('goes through quarantine, alone, and is applied there', async () => {
    await shop.send(shop.hook('q.1', flat('q1'), 10))
    await shop.broker.crashOver(shop.broker.topology.queues.webhook, 3)
    const worker = await shop.startProcess()
    workers.push(worker)
    await shop.waitForOutcomes('q.1')
    expect(await offer('q1')).toMatchObject({ state: 'active' })
    const said = worker
      .lines()
      .filter(({ messageId, msg }) => messageId === 'q.1' && msg === 'delivery quarantined')
    expect(said).toMatchObject([{ lane: 'webhook', deliveryCount: 3 }])
    await worker.stop()
    expect(worker.lines().filter(({ msg }) => msg === 'batch settled')).toMatchObject([
      { lane: 'quarantine', size: 1, created: 1 }
    ])
  })

  test('and kills its worker in quarantine, too, is buried by the broker with that reason', async () => {
    const message = shop.hook('k.1', flat('k1'), 10)
    await shop.send({
      ...message,
      exchange: shop.broker.topology.exchanges.requeue,
      routingKey: 'record.quarantine'
    })
    await shop.broker.crashOver(shop.broker.topology.queues.quarantine, 4)
    await start()
    const letter = await waitFor('the dead letter', async () =>
      (await deadLetters()).find(({ messageId }) => messageId === 'k.1')
    )
    expect(letter).toMatchObject({
      faultClass: 'Broker',
      faultCode: 'DELIVERY_LIMIT',
      source: 'crm',
      externalId: 'k1'
    })
    await waitFor('the books', async () => (await shop.outcomes())['k.1'] === 'dead')
  })

  test('and is buried by the broker counts as settled for its run', async () => {
    const { exchanges, queues } = shop.broker.topology
    const message = shop.feed(7, 0, flat('k2'), 10)
    await shop.send({ ...message, exchange: exchanges.requeue, routingKey: 'record.quarantine' })
    await shop.broker.crashOver(queues.quarantine, 4)
    await start()
    await waitFor('the books', async () => (await shop.feedOutcomes())['k2'] === 'dead')
    expect(await settledOutcomes(shop.database.db.sql, '7')).toMatchObject({ dead: 1 })
  })
})
