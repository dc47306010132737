import { randomBytes } from 'node:crypto'
import { connect, type Channel, type GetMessage } from 'amqplib'
import { applyTopology } from '@sluice/shared/broker'
import type { OutgoingMessage } from '@sluice/shared/envelope'
import { createLogger } from '@sluice/shared/log'
import { createTopology, type Topology } from '@sluice/shared/topology'
import { waitFor } from './process.ts'

/** The broker all tests share; each keeps to a namespace of its own. */
export const RABBITMQ_URL = process.env.RABBITMQ_URL ?? 'amqp://guest:guest@127.0.0.1:5672'

/** A topology of the test's own, and a look into it from outside of our transport. */
export interface TestBroker {
  url: string
  namespace: string
  topology: Topology
  /** Messages that are ready for delivery; those in a consumer's hands are not counted. */
  count: (queue: string) => Promise<number>
  consumers: (queue: string) => Promise<number>
  purge: (queue: string) => Promise<void>
  /** Up to `limit` messages, left where they are (each counts as delivered once more). */
  peek: (queue: string, limit?: number) => Promise<GetMessage[]>
  /** Up to `limit` messages, taken out. */
  take: (queue: string, limit?: number) => Promise<GetMessage[]>
  /** Takes a message and gives it back, `times` times: what a crashing worker looks like to the broker. */
  crashOver: (queue: string, times: number) => Promise<void>
  /** A small message to the records exchange. */
  message: (id: string | number, routingKey?: string) => OutgoingMessage
  /** A durable quorum queue of the test's own in the namespace; returns its name. */
  addQueue: (name: string, args?: Record<string, string | number>) => Promise<string>
  bind: (queue: string, exchange: string, routingKey: string) => Promise<void>
  unbind: (queue: string, exchange: string, routingKey: string) => Promise<void>
  deleteQueue: (queue: string) => Promise<void>
  /** Deletes everything in the namespace. */
  remove: () => Promise<void>
}

const DEFAULT_LIMIT = 1_000

/** Applies a topology in a namespace nobody else has. */
export const createTestBroker = async (url = RABBITMQ_URL): Promise<TestBroker> => {
  const namespace = `test-${randomBytes(6).toString('hex')}`
  const topology = createTopology(namespace)
  await applyTopology({ url, topology, log: createLogger({ service: 'test', level: 'silent' }) })
  const added: string[] = []

  // One by one: of many acknowledgements at once a quorum queue loses those the closing channel overtakes.
  const get = async (
    queue: string,
    limit: number,
    settle?: (channel: Channel, message: GetMessage) => void
  ) =>
    onChannel(url, async (channel) => {
      const messages: GetMessage[] = []
      while (messages.length < limit) {
        const message = await channel.get(queue)
        if (message === false) break
        messages.push(message)
        settle?.(channel, message)
      }
      return messages
    })

  return {
    url,
    namespace,
    topology,
    count: (queue) => onChannel(url, async (channel) => (await channel.checkQueue(queue)).messageCount),
    consumers: (queue) => onChannel(url, async (channel) => (await channel.checkQueue(queue)).consumerCount),
    purge: (queue) => onChannel(url, async (channel) => void (await channel.purgeQueue(queue))),
    // The closing channel gives back what it has not settled.
    peek: (queue, limit = DEFAULT_LIMIT) => get(queue, limit),
    take: (queue, limit = DEFAULT_LIMIT) => get(queue, limit, (channel, message) => channel.ack(message)),
    crashOver: (queue, times) =>
      onChannel(url, async (channel) => {
        for (let n = 0; n < times; n++) {
          await waitFor('a message to crash over', async () => {
            const message = await channel.get(queue)
            if (message === false) return false
            channel.nack(message, false, true)
            return true
          })
        }
      }),
    message: (id, routingKey = 'webhook.test') => ({
      exchange: topology.exchanges.records,
      routingKey,
      body: Buffer.from(JSON.stringify({ id })),
      properties: {
        messageId: String(id),
        type: 'record',
        contentType: 'application/json',
        timestamp: Math.floor(Date.now() / 1000),
        headers: { attempt: 0 }
      }
    }),
    addQueue: async (name, args = {}) => {
      const queue = `${namespace}.${name}`
      await onChannel(url, (channel) =>
        channel.assertQueue(queue, { durable: true, arguments: { 'x-queue-type': 'quorum', ...args } })
      )
      added.push(queue)
      return queue
    },
    bind: (queue, exchange, routingKey) =>
      onChannel(url, async (channel) => void (await channel.bindQueue(queue, exchange, routingKey))),
    unbind: (queue, exchange, routingKey) =>
      onChannel(url, async (channel) => void (await channel.unbindQueue(queue, exchange, routingKey))),
    deleteQueue: (queue) => onChannel(url, async (channel) => void (await channel.deleteQueue(queue))),
    remove: () =>
      onChannel(url, async (channel) => {
        for (const queue of [...topology.queueSpecs.map(({ name }) => name), ...added])
          await channel.deleteQueue(queue)
        for (const { name } of topology.exchangeSpecs) await channel.deleteExchange(name)
      })
  }
}

/** A connection for one errand: slow, and nothing to leak. */
const onChannel = async <T>(url: string, work: (channel: Channel) => Promise<T>): Promise<T> => {
  const connection = await connect(url, { timeout: 10_000, noDelay: true })
  connection.on('error', () => undefined) // whatever is running is rejected with it
  try {
    const channel = await connection.createChannel()
    channel.on('error', () => undefined)
    const result = await work(channel)
    await channel.close() // the round trip proves that the last settle arrived
    return result
  } finally {
    await connection.close().catch(() => undefined) // closed already by an error
  }
}
