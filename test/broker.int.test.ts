import type { Socket } from 'node:net'
import { setImmediate as turn } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest'
import {
  applyTopology,
  createConsumer,
  createPublisher,
  createSession,
  verifyTopology,
  withoutBrokerHeaders,
  type Consumer,
  type ConsumerOptions,
  type Delivery,
  type Publisher,
  type PublisherOptions,
  type Session
} from '@sluice/shared/broker'
import type { ConfigError } from '@sluice/shared/errors'
import { createLogger } from '@sluice/shared/log'
import { connectTo } from '../shared/src/broker/connect.ts'
import { publishOn } from '../shared/src/broker/raw-publish.ts'
import { createTestBroker, RABBITMQ_URL, type TestBroker } from './support/broker.ts'
import { waitFor } from './support/process.ts'

const log = createLogger({ service: 'test', level: 'silent' })
const sessions: Session[] = []
let broker: TestBroker
let wrongPassword: Promise<ConfigError>

beforeAll(async () => {
  wrongPassword = failureOf(RABBITMQ_URL.replace(/:\/\/.*@/, '://guest:wrong@')) // takes its time; see its test
  broker = await createTestBroker()
})

afterEach(async () => {
  await Promise.all(sessions.splice(0).map((session) => session.close()))
  for (const queue of Object.values(broker.topology.queues)) await broker.purge(queue)
})

afterAll(() => broker.remove())

const failureOf = (url: string): Promise<ConfigError> =>
  new Promise((resolve) => {
    const session = createSession({ url, name: 'test.refused', log })
    session.onFailed(resolve)
    session.start()
  })

const openSession = (name: string): Session => {
  const session = createSession({ url: broker.url, name, log })
  sessions.push(session)
  return session
}

const openPublisher = async (options: Partial<PublisherOptions> = {}): Promise<Publisher> => {
  const session = openSession('test.publish')
  const publisher = createPublisher(session, { log, ...options })
  session.start()
  expect(await publisher.whenReady(10_000)).toBe(true)
  return publisher
}

const openConsumer = async (
  options: Partial<ConsumerOptions> = {}
): Promise<{ consumer: Consumer; deliveries: Delivery[]; session: Session }> => {
  const session = openSession('test.consume')
  const deliveries: Delivery[] = []
  const consumer = createConsumer(session, {
    queue: broker.topology.queues.webhook,
    prefetch: 10,
    log,
    onDelivery: (delivery) => void deliveries.push(delivery),
    ...options
  })
  session.start()
  await waitFor('the consumer', () => consumer.isConsuming)
  return { consumer, deliveries, session }
}

const publishMany = async (publisher: Publisher, count: number): Promise<void> => {
  await Promise.all(
    Array.from({ length: count }, (_, id) => publisher.publish(broker.message(id), { wait: true }))
  )
}

/** What came back to the queue from a consumer that has gone: everything in front of a message published after it. */
const redelivered = async (publisher: Publisher, queue: string): Promise<unknown[]> => {
  await publisher.publish(broker.message('the end'))
  const messages = await broker.take(queue)
  expect(messages.map(({ properties }) => properties.messageId as unknown)).toContain('the end')
  return messages.filter(({ fields }) => fields.redelivered)
}

test('a confirmed message is in its queue, persistent, with its properties and nothing of ours added', async () => {
  const publisher = await openPublisher()
  await publisher.publish(broker.message('m1'))
  const [message] = await broker.peek(broker.topology.queues.webhook)
  expect(message?.content.toString()).toBe('{"id":"m1"}')
  expect(message?.properties).toMatchObject({
    messageId: 'm1',
    type: 'record',
    deliveryMode: 2,
    headers: { attempt: 0 }
  })
  expect(withoutBrokerHeaders(message?.properties.headers)).toEqual({ attempt: 0 })
})

test('a confirm that came while the process could not look is no silence', async () => {
  const publisher = await openPublisher({ confirmTimeoutMs: 100 })
  await publisher.publish(broker.message(0))
  const published = publisher.publish(broker.message(1))
  for (let n = 0; n < 3; n++) await turn() // it has left
  const until = performance.now() + 300
  while (performance.now() < until);
  await expect(published).resolves.toBeUndefined()
})

test('a session that keeps trying says once that it is refused, and publishes when it no longer is', async () => {
  const session = createSession({
    url: broker.url,
    name: 'test.patient',
    log,
    keepsTrying: true,
    waitMs: () => 0
  })
  sessions.push(session)
  const failures: ConfigError[] = []
  session.onFailed((failure) => failures.push(failure))
  const publisher = createPublisher(session, { log })
  session.start()
  const lost = { ...broker.message('m'), exchange: 'not there' }
  for (let life = 0; life < 8; life += 1) {
    await expect(publisher.publish(lost, { wait: true })).rejects.toMatchObject({ code: 'PUBLISH_UNKNOWN' })
  }
  await publisher.publish(broker.message('m'), { wait: true })
  expect(failures).toMatchObject([{ code: 'TOPOLOGY_MISMATCH' }])
})

test('a message no queue takes is a refusal, and only that one', async () => {
  const publisher = await openPublisher()
  const outcomes = await Promise.allSettled([
    publisher.publish(broker.message('m1')),
    publisher.publish(broker.message('m2', 'nobody.listens')),
    publisher.publish(broker.message('m3'))
  ])
  expect(outcomes).toMatchObject([
    { status: 'fulfilled' },
    { status: 'rejected', reason: { code: 'PUBLISH_RETURNED', sent: false, dependency: 'rabbitmq' } },
    { status: 'fulfilled' }
  ])
  expect(await broker.count(broker.topology.queues.webhook)).toBe(2)
})

test('a full queue that rejects publishes is a refusal', async () => {
  const queue = await broker.addQueue('small', { 'x-max-length': 3, 'x-overflow': 'reject-publish' })
  const publisher = await openPublisher()
  const toSmall = { ...broker.message('m'), exchange: '', routingKey: queue }
  const untilFull = async (): Promise<void> => {
    for (let sent = 0; sent < 20; sent += 1) await publisher.publish(toSmall)
  }
  await expect(untilFull()).rejects.toMatchObject({ code: 'PUBLISH_NACKED', sent: false })
  expect(await broker.count(queue)).toBeLessThan(10)
})

test('without wait a full window and a broker that is down fail at once', async () => {
  const down = createPublisher(openSession('test.never'), { log })
  expect(down.status).toBe('down')
  await expect(down.publish(broker.message('m0'))).rejects.toMatchObject({ code: 'BROKER_DOWN', sent: false })
  expect(await down.whenReady(10)).toBe(false)

  const publisher = await openPublisher({ window: 1 })
  const first = publisher.publish(broker.message('m1'))
  expect(publisher.status).toBe('saturated')
  await expect(publisher.publish(broker.message('m2'))).rejects.toMatchObject({
    code: 'BROKER_SATURATED',
    sent: false
  })
  await first
  expect(publisher.status).toBe('ready')
})

test('with wait callers stand in a bounded line, leave it on abort, and are told when nothing will come', async () => {
  const session = openSession('test.later')
  const publisher = createPublisher(session, { log, maxWaiting: 2 })
  const impatient = new AbortController()
  const first = publisher.publish(broker.message('m1'), { wait: true })
  const second = publisher.publish(broker.message('m2'), { wait: true, signal: impatient.signal })
  await expect(publisher.publish(broker.message('m3'), { wait: true })).rejects.toMatchObject({
    code: 'BROKER_SATURATED'
  })
  impatient.abort(new Error('enough'))
  await expect(second).rejects.toThrow('enough')
  session.start()
  await first
  expect(await publisher.drain(1_000)).toBe(0)
  expect(await broker.count(broker.topology.queues.webhook)).toBe(1)

  await session.close()
  await expect(publisher.publish(broker.message('m4'), { wait: true })).rejects.toMatchObject({
    code: 'BROKER_DOWN'
  })
})

test('who waits leaves the line after its time, and hears why its turn did not come', async () => {
  const down = createPublisher(openSession('test.never'), { log })
  await expect(down.publish(broker.message('m0'), { wait: true, waitMs: 1 })).rejects.toMatchObject({
    code: 'BROKER_DOWN',
    sent: false
  })
  expect(await down.drain(0)).toBe(0) // nobody is left in line
})

test('what is published in one turn leaves in one write', async () => {
  const model = await connectTo(broker.url, 'test.one-write', AbortSignal.timeout(10_000))
  try {
    const channel = await model.createConfirmChannel()
    const { stream: socket } = model.connection as unknown as { stream: Socket }
    const writes = [vi.spyOn(socket, '_write'), vi.spyOn(socket, '_writev')]
    const { exchange, routingKey } = broker.message(0)
    for (let id = 0; id < 20; id += 1) channel.publish(exchange, routingKey, Buffer.alloc(256), {})
    await channel.waitForConfirms()
    expect(writes.map(({ mock }) => mock.calls.length)).toEqual([0, 1])
  } finally {
    await model.close()
  }
})

test.each([true, false])(
  'our way into amqplib sends its bytes, bit for bit (mandatory: %s)',
  async (mandatory) => {
    const model = await connectTo(broker.url, 'test.raw-publish', AbortSignal.timeout(10_000))
    try {
      const channel = await model.createConfirmChannel()
      const { stream: socket } = model.connection as unknown as { stream: Socket }
      const writes = vi.spyOn(socket, 'write')
      const sent = async (): Promise<string> => {
        await channel.waitForConfirms()
        return Buffer.concat(writes.mock.calls.splice(0).map(([chunk]) => chunk as Buffer)).toString('latin1')
      }
      const message = broker.message('ñ')
      message.properties.headers = { vendor: 'Ñandú', ordinal: 4_294_967_295, attempt: 0, 'fact-at': '2026' }
      const { exchange, routingKey, body, properties } = message
      channel.publish(exchange, routingKey, body, { ...properties, persistent: true, mandatory })
      const theirs = await sent()
      const answers: unknown[] = []
      publishOn(channel, message, mandatory, (error) => answers.push(error))
      expect(await sent()).toBe(theirs)
      expect(theirs).toContain('fact-at')
      expect(answers).toEqual([null])
    } finally {
      await model.close()
    }
  }
)

const ticks = async (count: number): Promise<void> => {
  for (let tick = 0; tick < count; tick += 1) await new Promise<void>((resolve) => process.nextTick(resolve))
}

test('messages leave in the order they were published, whichever way into amqplib each takes', async () => {
  const model = await connectTo(broker.url, 'test.order', AbortSignal.timeout(10_000))
  try {
    const [channel, other] = [await model.createConfirmChannel(), await model.createConfirmChannel()]
    const ids: string[] = []
    const answered: string[] = []
    const publish = (id: string, bytes = 0): void => {
      ids.push(id)
      const message = broker.message(id)
      const body = Buffer.alloc(bytes, ' ')
      publishOn(channel, { ...message, body }, true, () => answered.push(id))
    }
    for (let round = 0; round < 50; round += 1) {
      other.publish(broker.topology.exchanges.records, 'feed.test', Buffer.alloc(1))
      await ticks(3) // amqplib's look at the end of this turn is ahead of ours now
      publish(`${round}-a`)
      publish(`${round}-b-ñ`)
      publish(`${round}-c`, round * 1_000)
      publish(`${round}-d-ñ`, round * 1_000)
      publish(`${round}-e`)
      if (round % 3 === 0) await turn()
    }
    await Promise.all([channel.waitForConfirms(), other.waitForConfirms()])
    const messages = await broker.take(broker.topology.queues.webhook)
    expect(messages.map(({ properties }) => properties.messageId as string)).toEqual(ids)
    expect(answered).toEqual(ids)
  } finally {
    await model.close()
  }
})

test('a window of one still publishes everything that waits, in order', async () => {
  const publisher = await openPublisher({ window: 1 })
  await publishMany(publisher, 50)
  const messages = await broker.take(broker.topology.queues.webhook)
  expect(messages.map(({ properties }) => Number(properties.messageId))).toEqual(
    Array.from({ length: 50 }, (_, id) => id)
  )
})

test('a publish that kills its channel costs that message, and the publisher comes back', async () => {
  const publisher = await openPublisher()
  await expect(
    publisher.publish({ ...broker.message('m1'), exchange: 'test-no-such' })
  ).rejects.toMatchObject({
    code: 'PUBLISH_UNKNOWN',
    sent: true
  })
  expect(publisher.status).toBe('down')
  await publisher.publish(broker.message('m2'), { wait: true })
  expect(await broker.count(broker.topology.queues.webhook)).toBe(1)
})

test('a delivery says what it is, is settled once, and discarding it dead-letters it', async () => {
  await publishMany(await openPublisher(), 3)
  const { consumer, deliveries } = await openConsumer()
  await waitFor('the deliveries', () => deliveries.length === 3)
  const [first, second, third] = deliveries
  expect(first).toMatchObject({
    exchange: broker.topology.exchanges.records,
    routingKey: 'webhook.test',
    redelivered: false,
    deliveryCount: 0,
    isLost: false,
    properties: { messageId: '0', type: 'record', headers: { attempt: 0 } }
  })
  expect(first?.body.toString()).toBe('{"id":0}')
  expect(consumer.held).toBe(3)
  expect([first?.settle('ack'), first?.settle('ack'), first?.settle('requeue')]).toEqual([true, false, false])
  expect(second?.settle('discard')).toBe(true)
  expect(third?.settle('requeue')).toBe(true)
  const again = await waitFor('the requeued delivery', () => deliveries[3])
  expect(again).toMatchObject({ redelivered: true, deliveryCount: 1, properties: { messageId: '2' } })
  again.settle('ack')
  expect(consumer.held).toBe(0)
  await waitFor('the dead letter', async () => (await broker.count(broker.topology.queues.dead)) === 1)
})

test('pause holds what is in hand, and it can be acknowledged without a redelivery after resume', async () => {
  const { webhook } = broker.topology.queues
  await publishMany(await openPublisher(), 20)
  const { consumer, deliveries } = await openConsumer({ prefetch: 5 })
  await waitFor('a full hand', () => consumer.held === 5)

  await consumer.pause()
  expect(consumer.isConsuming).toBe(false)
  deliveries[0]?.settle('ack') // would make room for the sixth if it still consumed
  expect([consumer.held, await broker.count(webhook)]).toEqual([4, 15])

  await consumer.resume()
  for (let settled = 1; settled < 20; settled += 1) {
    const delivery = await waitFor(`delivery ${settled}`, () => deliveries[settled])
    expect(delivery.settle('ack')).toBe(true)
  }
  expect(deliveries.filter(({ redelivered, deliveryCount }) => redelivered || deliveryCount > 0)).toEqual([])
  expect(await consumer.drain(1_000)).toBe(0)
  expect(await broker.take(webhook)).toEqual([])
})

test('giving back returns what is in hand once, stays paused, and resume takes it again', async () => {
  const { webhook } = broker.topology.queues
  await publishMany(await openPublisher(), 3)
  const { consumer, deliveries, session } = await openConsumer()
  await waitFor('the deliveries', () => consumer.held === 3)

  await consumer.giveBack()
  expect(session.state).toBe('up')
  expect([consumer.held, consumer.isConsuming, await broker.consumers(webhook)]).toEqual([0, false, 0])
  await waitFor('the queue to have them', async () => (await broker.count(webhook)) === 3)
  expect(deliveries.map((delivery) => [delivery.isLost, delivery.settle('ack')])).toEqual(
    Array.from({ length: 3 }, () => [true, false])
  )

  await consumer.resume()
  await waitFor('them again', () => deliveries.length === 6)
  expect(deliveries.slice(3).map(({ deliveryCount }) => deliveryCount)).toEqual([1, 1, 1])
})

test('drain waits for the work in hand and its acknowledgements arrive', async () => {
  const { webhook } = broker.topology.queues
  const publisher = await openPublisher()
  await publishMany(publisher, 300)
  const { consumer, deliveries, session } = await openConsumer({ prefetch: 300 })
  await waitFor('a full hand', () => consumer.held === 300)

  for (const delivery of deliveries.slice(0, 100)) delivery.settle('ack')
  const drained = consumer.drain(5_000)
  for (const delivery of deliveries.slice(100, 200)) delivery.settle('ack')
  await waitFor('the cancel', () => !consumer.isConsuming)
  setImmediate(() => {
    for (const delivery of deliveries.slice(200)) delivery.settle('ack')
  })
  expect(await drained).toBe(0)
  await session.close()
  expect(await redelivered(publisher, webhook)).toEqual([])
})

test('drain gives back what is not finished in time', async () => {
  const { webhook } = broker.topology.queues
  await publishMany(await openPublisher(), 4)
  const { consumer, deliveries } = await openConsumer()
  await waitFor('the deliveries', () => consumer.held === 4)
  deliveries[0]?.settle('ack')
  expect(await consumer.drain(50)).toBe(3)
  const left = await waitFor('the rest', async () => {
    const messages = await broker.take(webhook)
    return messages.length > 0 ? messages : undefined
  })
  expect(left.map(({ fields }) => fields.redelivered)).toEqual([true, true, true])
})

test('pause, resume and giving back at the same time end in exactly one consumer', async () => {
  const { webhook } = broker.topology.queues
  const { consumer } = await openConsumer()
  const moves = [() => consumer.pause(), () => consumer.resume(), () => consumer.giveBack()]
  for (let round = 0; round < 30; round += 1) {
    await Promise.all(moves.map((_, index) => (moves[(index + round) % moves.length] ?? consumer.pause)()))
  }
  await consumer.resume()
  expect([consumer.isConsuming, await broker.consumers(webhook)]).toEqual([true, 1])
})

test('a handler that throws costs a redelivery, and the consumer comes back', async () => {
  await publishMany(await openPublisher(), 1)
  const counts: number[] = []
  const { consumer } = await openConsumer({
    onDelivery: (delivery) => {
      counts.push(delivery.deliveryCount)
      if (counts.length === 1) throw new Error('a bug')
      delivery.settle('ack')
    }
  })
  await waitFor('the redelivery', () => counts.length === 2)
  expect(counts).toEqual([0, 1])
  await waitFor('the consumer', () => consumer.isConsuming)
})

test('a queue deleted under its consumer is consumed again when it is back', async () => {
  const queue = await broker.addQueue('fleeting')
  const { consumer, deliveries } = await openConsumer({ queue })
  await broker.deleteQueue(queue)
  await waitFor('the loss to be noticed', () => !consumer.isConsuming)
  await broker.addQueue('fleeting')
  await waitFor('the consumer', () => consumer.isConsuming)
  const publisher = await openPublisher()
  await publisher.publish({ ...broker.message('m1'), exchange: '', routingKey: queue })
  await waitFor('the delivery', () => deliveries.length === 1)
})

test('a consumer put on a session that is up already consumes at once', async () => {
  const { consumer, session } = await openConsumer()
  const { feed, webhook } = broker.topology.queues
  const second = createConsumer(session, { queue: feed, prefetch: 1, log, onDelivery: () => undefined })
  await waitFor('the second consumer', () => second.isConsuming)
  expect([consumer.isConsuming, await broker.consumers(webhook), await broker.consumers(feed)]).toEqual([
    true,
    1,
    1
  ])
})

test('publishing and consuming on one session is refused', () => {
  const session = openSession('test.both')
  createPublisher(session, { log })
  expect(() =>
    createConsumer(session, { queue: 'any', prefetch: 1, log, onDelivery: () => undefined })
  ).toThrow('publish and consume on separate sessions')
})

test('applying a topology twice changes nothing, and it verifies', async () => {
  const { url, topology } = broker
  await applyTopology({ url, topology, log })
  expect(await verifyTopology({ url, topology })).toEqual([])
})

test('a queue with other arguments is named, with the argument, and the rest is still applied', async () => {
  const { url, topology } = broker
  const { feed, webhook } = topology.queues
  const arguments_ = topology.queueSpecs.find(({ name }) => name === feed)?.arguments
  await broker.deleteQueue(feed)
  await broker.deleteQueue(webhook)
  await broker.addQueue('feed.v1', { ...arguments_, 'x-delivery-limit': 7 })
  const problem = `queue ${feed} exists with other arguments: x-delivery-limit is '7', wanted '20'`

  await expect(applyTopology({ url, topology, log })).rejects.toMatchObject({
    name: 'ConfigError',
    code: 'TOPOLOGY_MISMATCH',
    problems: [problem]
  })
  expect(await broker.count(webhook)).toBe(0)
  expect(await verifyTopology({ url, topology })).toEqual([problem])

  await broker.deleteQueue(feed)
  await expect(verifyTopology({ url, topology })).resolves.toEqual([
    expect.stringContaining(`queue ${feed} is missing`)
  ])
  await expect(broker.count(feed)).rejects.toThrow('no queue') // verifying creates nothing
  await applyTopology({ url, topology, log })
  expect(await verifyTopology({ url, topology })).toEqual([])
})

test('a broker that cannot be reached or refuses us is told apart', async () => {
  const { topology } = broker
  await expect(applyTopology({ url: 'amqp://127.0.0.1:1', topology, log })).rejects.toMatchObject({
    name: 'DependencyError',
    code: 'BROKER_DOWN'
  })
  await expect(verifyTopology({ url: `${broker.url}/no-such-host`, topology })).rejects.toMatchObject({
    name: 'ConfigError',
    code: 'BROKER_REFUSED'
  })
})

test('a wrong password is reported as a configuration error after a few attempts, without the password', async () => {
  const failure = await wrongPassword
  expect(failure).toMatchObject({ name: 'ConfigError', code: 'BROKER_REFUSED' })
  expect(failure.message).toContain('Check user, password and permissions in RABBITMQ_URL')
  expect(failure.message).not.toContain('wrong')
})
