import type { Channel, ConsumeMessage } from 'amqplib'
import { expect, test } from 'vitest'
import { createHand } from './hand.ts'

/** A channel that writes down what it is told. */
const recorder = (): { channel: Channel; sent: string[] } => {
  const sent: string[] = []
  const channel = {
    ack: ({ fields }: ConsumeMessage, upTo = false) =>
      sent.push(`ack ${fields.deliveryTag}${upTo ? ' and before' : ''}`),
    nack: ({ fields }: ConsumeMessage, _upTo: boolean, requeue: boolean) =>
      sent.push(`${requeue ? 'requeue' : 'discard'} ${fields.deliveryTag}`)
  }
  return { channel: channel as unknown as Channel, sent }
}

const message = (deliveryTag: number): ConsumeMessage =>
  ({
    content: Buffer.from('{}'),
    fields: {
      deliveryTag,
      redelivered: false,
      exchange: 'records',
      routingKey: 'webhook.a',
      consumerTag: 't'
    },
    properties: { messageId: `m${deliveryTag}`, headers: undefined, type: undefined }
  }) as unknown as ConsumeMessage

/** Microtasks queued before this are over. */
const turn = (): Promise<void> => Promise.resolve()

test('each verb is sent once, a refusal at once and an acknowledgement at the end of the turn', async () => {
  const { channel, sent } = recorder()
  const hand = createHand(channel)
  const [first, second, third] = [1, 2, 3].map((tag) => hand.take(message(tag)))
  expect([
    first?.settle('requeue'),
    first?.settle('ack'),
    second?.settle('discard'),
    third?.settle('ack')
  ]).toEqual([true, false, true, true])
  expect(sent).toEqual(['requeue 1', 'discard 2'])
  await turn()
  expect(sent).toEqual(['requeue 1', 'discard 2', 'ack 3'])
  expect(hand.size).toBe(0)
})

test('acknowledgements of one turn leave as one, but never over a delivery that is still in hand', async () => {
  const { channel, sent } = recorder()
  const hand = createHand(channel)
  const deliveries = [1, 2, 3, 4, 5, 6].map((tag) => hand.take(message(tag)))
  for (const index of [5, 1, 0, 4]) deliveries[index]?.settle('ack') // 3 and 4 stay
  await turn()
  for (const index of [2, 3]) deliveries[index]?.settle('ack')
  await turn()
  expect(sent).toEqual(['ack 2 and before', 'ack 5', 'ack 6', 'ack 4 and before'])
})

test('an acknowledgement that finds its connection closing is no failure of anybody', async () => {
  const closing = { ack: () => expect.unreachable('closed') } as unknown as Channel
  const hand = createHand(closing)
  expect(hand.take(message(1)).settle('ack')).toBe(true)
  await turn()
})

test('collected acknowledgements leave as one, but never over a delivery that is still in hand', () => {
  const { channel, sent } = recorder()
  const hand = createHand(channel)
  const deliveries = [1, 2, 3, 4, 5, 6].map((tag) => hand.take(message(tag)))
  hand.collect()
  for (const index of [5, 1, 0, 4]) deliveries[index]?.settle('ack') // 3 and 4 stay
  expect(sent).toEqual([])
  hand.flush()
  expect(sent).toEqual(['ack 2 and before', 'ack 5', 'ack 6'])
  for (const index of [2, 3]) deliveries[index]?.settle('ack')
  hand.flush()
  hand.flush()
  expect(sent.slice(3)).toEqual(['ack 4 and before'])
})

test('a lost hand settles nothing, says so, and keeps its count', async () => {
  const { channel, sent } = recorder()
  const hand = createHand(channel)
  const [kept, done] = [hand.take(message(1)), hand.take(message(2))]
  done.settle('ack')
  await turn()
  hand.lose()
  await hand.whenEmpty(60_000) // nobody waits for what is lost
  expect([kept.settle('ack'), kept.isLost, done.isLost, hand.size]).toEqual([false, true, false, 1])
  expect(sent).toEqual(['ack 2'])
})

test('a delivery has only the properties its message has, and has come back 0 times without a count', () => {
  const { channel } = recorder()
  const { properties, deliveryCount } = createHand(channel).take(message(1))
  expect([Object.keys(properties), deliveryCount]).toEqual([['messageId'], 0])
})
