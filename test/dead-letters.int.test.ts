import { afterEach, describe, expect, test } from 'vitest'
import { EnvelopeError } from '@sluice/shared/errors'
import { countDeadLetters, listDeadLetters } from '@sluice/prisma/tables/dead-letters'
import { replayLetters, type Replayed } from '../cli/src/replay-letters.ts'
import { toMessage } from '../worker/src/message.ts'
import { shortenLadder } from './support/ladder.ts'
import { waitFor } from './support/process.ts'
import { createSilenceable } from './support/silenceable.ts'
import { createWorkshop, flat, type Workshop } from './support/workshop.ts'

const cleanups: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup()
})

const openShop = async (): Promise<Workshop> => {
  const shop = await createWorkshop()
  cleanups.push(shop.remove)
  return shop
}

/** What a worker would bury, straight to the dead. */
const dead = (shop: Workshop, messageId: string) => ({
  ...shop.hook(messageId, flat(messageId), 10, { 'fault-code': 'BUG', 'fault-class': 'TypeError' }),
  exchange: shop.broker.topology.exchanges.dead
})
const stored = async (shop: Workshop): Promise<number> =>
  (await countDeadLetters(shop.database.db.sql)).reduce((sum, { count }) => sum + count, 0)

describe('letters that Postgres does not take', () => {
  test('keep no other from being stored, and wait where they hold nothing until they can be', async () => {
    const shop = await openShop()
    // More than the lane has in hand at once, and before all others.
    const bad = Array.from({ length: 150 }, (_, index) => `bad.${index}`)
    await shop.query(`ALTER TABLE dead_letters ADD CONSTRAINT refused CHECK (message_id NOT LIKE 'bad.%')`)
    await shop.send(...bad.map((id) => dead(shop, id)))
    await shop.send(...Array.from({ length: 20 }, (_, index) => dead(shop, `good.${index}`)))
    await shop.startWorker()
    await waitFor('the others to be stored', async () => (await stored(shop)) === 20)
    const waiting = `${shop.broker.namespace}.retry.10m.v1`
    await waitFor('the refused to wait', async () => (await shop.broker.count(waiting)) === 150)
    const [one] = await shop.broker.peek(waiting, 1)
    expect(one?.fields.routingKey).toBe('10m.dead')
    expect(one?.properties.headers).toMatchObject({
      'fault-code': 'BUG',
      'fault-class': 'TypeError',
      source: 'crm'
    })

    await shop.query('ALTER TABLE dead_letters DROP CONSTRAINT refused')
    const copies = await shop.broker.take(waiting)
    await shortenLadder(shop.broker, 100)
    await shop.send(
      ...copies.map(({ content, properties }) => ({
        ...dead(shop, String(properties.messageId)),
        body: content,
        exchange: shop.broker.topology.exchanges.retry,
        routingKey: '10m.dead'
      }))
    )
    await waitFor('all to be stored', async () => (await stored(shop)) === 170)
    const [letter] = await listDeadLetters(shop.database.db.sql, { limit: 1 })
    expect(letter).toMatchObject({ faultCode: 'BUG', faultClass: 'TypeError', source: 'crm' })
    expect(await shop.broker.count(shop.broker.topology.queues.dead)).toBe(0)
  })
})

describe('when nothing leads to the dead', () => {
  test('what is buried is kept where it was, by the worker and by the broker, until something does', async () => {
    const shop = await openShop()
    const { exchanges, queues } = shop.broker.topology
    const killer = shop.hook('grave.killer', flat('killer'), 10)
    const unreadable = { ...shop.hook('grave.xml', flat('xml'), 10), body: Buffer.from('<xml>') }
    await shop.broker.unbind(queues.dead, exchanges.dead, '')
    await shop.send({ ...killer, exchange: exchanges.requeue, routingKey: 'record.quarantine' }, unreadable)
    await shop.broker.crashOver(queues.quarantine, 4)
    const worker = await shop.startProcess()
    await waitFor('the worker to be refused', () =>
      worker.lines().some(({ msg }) => msg === 'copy not confirmed, trying again')
    )
    expect([await stored(shop), await shop.broker.count(queues.recent)]).toEqual([0, 0])

    await shop.broker.bind(queues.dead, exchanges.dead, '')
    await waitFor('what the worker buries', async () => (await stored(shop)) === 1)
    await waitFor('it to be shown', async () => (await shop.broker.count(queues.recent)) === 1)
  })
})

describe('the ladder', () => {
  test('is climbed once, step by step and back into the same lane; above it is death', async () => {
    const shop = await openShop()
    const tries: Record<string, number[]> = {}
    await shop.startWorker({
      interpret: ({ externalId, attempt }) => {
        ;(tries[externalId] ??= []).push(attempt)
        throw new TypeError('a bug')
      }
    })
    await shortenLadder(shop.broker, 100)
    await shop.send(shop.hook('up.hook', flat('hook'), 10), shop.feed(1, 0, flat('feed'), 10))
    await waitFor('both to die', async () => (await stored(shop)) === 2)
    expect(tries).toEqual({ hook: [0, 1, 2, 3, 4, 5], feed: [0, 1, 2, 3, 4, 5] })
    const letters = await listDeadLetters(shop.database.db.sql)
    expect(
      letters.map(({ attempts, routingKey, lane }) => `${attempts} ${routingKey} ${lane}`).toSorted()
    ).toEqual(['5 1h.feed feed', '5 1h.webhook webhook'])
    expect(
      letters.every(({ faultClass, faultCode }) => `${faultClass} ${faultCode}` === 'TypeError UNKNOWN')
    ).toBe(true)
    // Whoever opens the management UI sees them too.
    const { recent } = shop.broker.topology.queues
    await waitFor('both to be shown', async () => (await shop.broker.count(recent)) === 2)
  })

  test('and death in turn, again and again, drop nothing: park, replay, ladder, three times', async () => {
    const shop = await openShop()
    const { sql, transaction } = shop.database.db
    // Its first death is the broker's own doing: 3.10 to 3.13 remember it in a header, and take a copy that carries the
    // header for a message that goes in circles.
    await shop.send(shop.hook('cycle.0', flat('c1'), 10))
    await shop.broker.crashOver(shop.broker.topology.queues.webhook, 21)
    let isBroken = true
    await shop.startWorker({
      interpret: (envelope, source) => {
        if (isBroken && envelope.attempt === 0) throw new TypeError('up the ladder')
        if (isBroken) throw new EnvelopeError('ENVELOPE_INVALID', 'to the dead')
        return toMessage(envelope, source)
      }
    })
    await shortenLadder(shop.broker, 100)
    const replay = (): Promise<Replayed> =>
      replayLetters({
        sql,
        transaction,
        publisher: shop.publisher,
        topology: shop.broker.topology,
        by: { actor: 'test' },
        filter: { state: 'open' },
        rate: 1_000,
        signal: new AbortController().signal,
        onProgress: () => undefined
      })
    for (let round = 0; round < 3; round++) {
      await waitFor(`death ${round + 1}`, async () => (await stored(shop)) === round + 1)
      if (round === 0) expect(await listDeadLetters(sql)).toMatchObject([{ faultCode: 'DELIVERY_LIMIT' }])
      if (round === 2) isBroken = false
      expect(await replay()).toMatchObject({ asked: 1, replayed: [expect.any(String)], failed: [] })
    }
    await waitFor('it to be applied', async () => (await shop.outcomes())['cycle.0'] === 'created')
    expect(await listDeadLetters(sql, { state: 'open' })).toEqual([])
  })
})

describe('while Postgres is away', () => {
  test('the dead are held, and stored once it is back', async () => {
    const shop = await openShop()
    const way = await createSilenceable(shop.database.url)
    cleanups.push(way.close)
    const worker = await shop.startWorker({ env: { DATABASE_URL: way.url } })
    way.cut()
    await shop.send(...Array.from({ length: 30 }, (_, index) => dead(shop, `held.${index}`)))
    const readiness = async (): Promise<string> =>
      (await fetch(`http://127.0.0.1:${worker.healthPort}/readyz`)).text()
    await waitFor('the letters to be held', async () => /"held":[1-9]/.test(await readiness()))
    way.restore()
    await waitFor('all to be stored', async () => (await stored(shop)) === 30)
    expect(await shop.broker.count(shop.broker.topology.queues.dead)).toBe(0)
    // Not one was sent anywhere else meanwhile.
    expect(await shop.broker.count(`${shop.broker.namespace}.retry.10m.v1`)).toBe(0)
  })
})
