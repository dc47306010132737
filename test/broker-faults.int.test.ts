import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import {
  createConsumer,
  createPublisher,
  createSession,
  PublishError,
  type Consumer,
  type Delivery,
  type Publisher,
  type PublisherOptions,
  type Session
} from '@sluice/shared/broker'
import { createLogger } from '@sluice/shared/log'
import { createTestBroker, type TestBroker } from './support/broker.ts'
import { waitFor } from './support/process.ts'
import { noPrivateRabbit, startPrivateRabbit, type PrivateRabbit } from './support/rabbit.ts'

// What happens to a broker happens here to a private one: killed, frozen, in alarm, closing connections.
describe.skipIf(noPrivateRabbit !== undefined)('a broker that fails', () => {
  const log = createLogger({ service: 'test', level: 'silent' })
  const sessions: Session[] = []
  let rabbit: PrivateRabbit
  let broker: TestBroker

  beforeAll(async () => {
    rabbit = await startPrivateRabbit()
    broker = await createTestBroker(rabbit.url)
  })

  afterEach(async () => {
    await Promise.all(sessions.splice(0).map((session) => session.close()))
    await broker.purge(broker.topology.queues.webhook)
  })

  afterAll(() => rabbit.remove())

  const openSession = (name: string): Session => {
    const session = createSession({ url: rabbit.url, name, log })
    sessions.push(session)
    return session
  }

  const openPublisher = (
    options: Partial<PublisherOptions> = {}
  ): { publisher: Publisher; session: Session } => {
    const session = openSession('test.publish')
    const publisher = createPublisher(session, { log, confirmTimeoutMs: 1_000, ...options })
    session.start()
    return { publisher, session }
  }

  const openConsumer = (
    onDelivery: (delivery: Delivery) => void,
    prefetch = 10
  ): { consumer: Consumer; session: Session } => {
    const session = openSession('test.consume')
    const consumer = createConsumer(session, {
      queue: broker.topology.queues.webhook,
      prefetch,
      log,
      onDelivery
    })
    session.start()
    return { consumer, session }
  }

  const set = (name: string, value: number): Promise<string> =>
    rabbit.control('eval', `application:set_env(rabbit, ${name}, ${value}).`)

  test('a frozen broker makes outcomes unknown at the deadline, and closing does not hang on it', async () => {
    const { publisher, session } = openPublisher()
    const { consumer } = openConsumer((delivery) => void delivery.settle('ack'))
    expect(await publisher.whenReady(10_000)).toBe(true)
    await waitFor('the consumer', () => consumer.isConsuming)

    await rabbit.freeze()
    try {
      const sentAt = performance.now()
      await expect(publisher.publish(broker.message('m1'), { timeoutMs: 300 })).rejects.toMatchObject({
        code: 'PUBLISH_UNKNOWN',
        sent: true
      })
      expect(performance.now() - sentAt).toBeLessThan(1_000)
      expect(await publisher.drain(100)).toBe(1) // its slot is still taken

      const closingAt = performance.now()
      expect(await consumer.drain(500)).toBe(0)
      await Promise.all(sessions.map((open) => open.close()))
      expect(performance.now() - closingAt).toBeLessThan(4_000)
      expect([session.state, publisher.status, await publisher.drain(0)]).toEqual(['down', 'down', 0])
    } finally {
      await rabbit.thaw()
    }
  })

  test('an alarm blocks publishing at once, not consuming, and who waits goes on when it clears', async () => {
    const seen: unknown[] = []
    const { publisher } = openPublisher()
    const { consumer } = openConsumer((delivery) => {
      seen.push(delivery.properties.messageId)
    })
    await publisher.whenReady(10_000)
    await publisher.publish(broker.message('before'))
    await waitFor('the delivery', () => consumer.held === 1)
    await consumer.giveBack()

    await rabbit.setMemoryAlarm(true)
    try {
      // The broker tells a connection that it is blocked when it next publishes: that message is unknown.
      await expect(publisher.publish(broker.message('unknown'), { timeoutMs: 300 })).rejects.toMatchObject({
        code: 'PUBLISH_UNKNOWN'
      })
      await waitFor('the publisher to hear it', () => publisher.status === 'blocked')
      await expect(publisher.publish(broker.message('refused'))).rejects.toMatchObject({
        code: 'BROKER_BLOCKED',
        sent: false
      })
      await consumer.resume()
      await waitFor('the delivery again', () => seen.length === 2)
    } finally {
      const waiting = publisher.publish(broker.message('after'), { wait: true })
      await rabbit.setMemoryAlarm(false)
      await waiting
    }
    await waitFor('all that was sent', () => seen.length === 4)
    expect(seen).toEqual(['before', 'before', 'unknown', 'after'])
  })

  test('a queue that is no longer full takes messages again, also when its limit is gone with the policy', async () => {
    const { webhook } = broker.topology.queues
    const { publisher, session } = openPublisher({ renewAfterMs: 300 })
    await publisher.publish(broker.message('first'), { wait: true })
    const neighbour = await broker.addQueue('neighbour')
    await broker.bind(neighbour, broker.topology.exchanges.records, 'beside.#')
    const outcomeOf = (id: string, routingKey?: string): Promise<string> =>
      publisher.publish(broker.message(id, routingKey)).then(
        () => 'taken',
        (thrown: unknown) => (thrown instanceof PublishError ? thrown.code : String(thrown))
      )

    await rabbit.control('set_policy', 'full', webhook, '{"max-length": 1}', '--apply-to', 'queues')
    try {
      await waitFor('a refusal', async () => (await outcomeOf('fill')) === 'PUBLISH_NACKED', { everyMs: 1 })
      const besides = new Set<string>()
      const until = performance.now() + 1_000 // three channels long
      while (performance.now() < until) {
        const [refused, ...others] = await Promise.all([
          outcomeOf('refused'),
          outcomeOf('beside', 'beside.a'),
          outcomeOf('beside', 'beside.b')
        ])
        expect(refused).toBe('PUBLISH_NACKED')
        for (const other of others) besides.add(other)
      }
      expect([...besides]).toEqual(['taken']) // no new channel costs what another queue takes an answer
    } finally {
      await rabbit.control('clear_policy', 'full')
    }
    await waitFor('the queue to take messages', async () => (await outcomeOf('again')) === 'taken', {
      timeoutMs: 3_000
    })
    const channels = async (): Promise<number> =>
      (await rabbit.control('list_channels', 'confirm')).split('\n').filter((line) => line === 'true').length
    await waitFor('the channels before to be closed', async () => (await channels()) === 1)
    expect(session.state).toBe('up')
    await broker.deleteQueue(neighbour)
  })

  test('a connection closed by an operator comes back with exactly one consumer, however it is pulled', async () => {
    const { webhook } = broker.topology.queues
    const deliveries: Delivery[] = []
    const { publisher } = openPublisher()
    const { consumer, session } = openConsumer((delivery) => void deliveries.push(delivery))
    await publisher.publish(broker.message('m1'), { wait: true })
    await waitFor('the delivery', () => deliveries.length === 1)

    const closing = rabbit.control('close_all_connections', 'test')
    await waitFor(
      'the loss',
      () => {
        void consumer.pause()
        void consumer.resume()
        return deliveries[0]?.isLost
      },
      { everyMs: 1 }
    )
    for (let round = 0; round < 50; round += 1) {
      void consumer.pause()
      void consumer.resume()
    }
    await closing
    expect([deliveries[0]?.settle('ack'), deliveries[0]?.isLost]).toEqual([false, true])

    await waitFor('the redelivery', () => deliveries.length === 2)
    expect(deliveries[1]).toMatchObject({ redelivered: true, properties: { messageId: 'm1' } })
    expect(deliveries[1]?.settle('ack')).toBe(true)
    expect([session.state, consumer.isConsuming, await broker.consumers(webhook)]).toEqual(['up', true, 1])
    await publisher.publish(broker.message('m2'), { wait: true })
    await waitFor('the next delivery', () => deliveries.length === 3)
  })

  test('a channel the broker closes for its consumer timeout comes back, and so does the delivery', async () => {
    await set('consumer_timeout', 500)
    await set('channel_tick_interval', 200)
    try {
      const deliveries: Delivery[] = []
      const { publisher } = openPublisher()
      const { consumer } = openConsumer((delivery) => void deliveries.push(delivery))
      await publisher.publish(broker.message('m1'), { wait: true })
      await waitFor('the first delivery', () => deliveries.length === 1)
      await consumer.pause() // a cancelled consumer does not escape it
      await waitFor('the loss', () => deliveries[0]?.isLost)
      await consumer.resume()
      const again = await waitFor('the redelivery', () => deliveries[1])
      expect(again).toMatchObject({ deliveryCount: 1, properties: { messageId: 'm1' } })
      expect(again.settle('ack')).toBe(true)
      expect(await consumer.drain(1_000)).toBe(0)
    } finally {
      await set('consumer_timeout', 1_800_000)
      await set('channel_tick_interval', 60_000)
    }
  })

  test('killed and started again under load, it loses nothing that was confirmed; latecomers wait for it', async () => {
    const { webhook } = broker.topology.queues
    const confirmed = new Set<string>()
    const outcomes = new Map<string, number>()
    const { publisher } = openPublisher()
    const end = new AbortController()
    let next = 0
    const publishOn = async (): Promise<void> => {
      while (!end.signal.aborted) {
        const id = String((next += 1))
        try {
          await publisher.publish(broker.message(id), { wait: true, signal: end.signal })
          confirmed.add(id)
        } catch (thrown) {
          const code = thrown instanceof PublishError ? thrown.code : 'ENDED'
          outcomes.set(code, (outcomes.get(code) ?? 0) + 1)
        }
      }
    }
    const load = Promise.all(Array.from({ length: 50 }, publishOn))
    await waitFor('a load', () => confirmed.size > 2_000)

    await rabbit.kill()
    const confirmedBefore = confirmed.size
    const late = openPublisher().publisher // its broker is absent at first
    expect([await late.whenReady(200), late.status]).toEqual([false, 'down'])
    const lateMessage = late.publish(broker.message('late'), { wait: true })
    await rabbit.start()
    await lateMessage
    await waitFor('the load to go on', () => confirmed.size > confirmedBefore + 1_000)
    end.abort()
    await load

    const received = new Set<unknown>()
    const { consumer } = openConsumer((delivery) => {
      received.add(delivery.properties.messageId)
      delivery.settle('ack')
    }, 500)
    await publisher.publish(broker.message('the end'), { wait: true })
    await waitFor('the last message', () => received.has('the end'))
    await waitFor('the rest', async () => consumer.held === 0 && (await broker.count(webhook)) === 0)
    expect([...confirmed].filter((id) => !received.has(id))).toEqual([])
    expect(received.has('late')).toBe(true)
    expect(outcomes.get('PUBLISH_UNKNOWN')).toBeGreaterThan(0) // the kill bit
  })
})
