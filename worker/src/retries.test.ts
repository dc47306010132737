import { describe, expect, it } from 'vitest'
import { PublishError, type Delivery, type Publisher, type Verb } from '@sluice/shared/broker'
import type { OutgoingMessage } from '@sluice/shared/envelope'
import { createLogger } from '@sluice/shared/log'
import { createTopology } from '@sluice/shared/topology'
import { copyOf, createRetries, type Retries } from './retries.ts'

const delivery = (headers: Record<string, unknown>) => ({
  body: Buffer.from('{}'),
  properties: { messageId: 'd.0', type: 'record', timestamp: 5, headers }
})

/** Throws what it is given, one error a publish, then confirms. */
const publisherThrowing = (...errors: Error[]): Publisher => ({
  publish: async () => {
    const error = errors.shift()
    if (error !== undefined) throw error
  },
  status: 'ready',
  whenReady: async () => true,
  drain: async () => 0
})

/** What a copy of a delivery came to, and how the delivery itself was answered. */
const copy = async (
  publisher: Publisher,
  send: (retries: Retries, one: Delivery) => Promise<boolean>,
  headers: Record<string, unknown> = {}
): Promise<{ isConfirmed: boolean; verbs: Verb[] }> => {
  const verbs: Verb[] = []
  const one: Delivery = {
    ...delivery(headers),
    exchange: 'records',
    routingKey: 'webhook.crm',
    redelivered: false,
    deliveryCount: 0,
    isLost: false,
    settle: (verb) => verbs.push(verb) > 0
  }
  const log = createLogger({ service: 'test', level: 'silent' })
  const retries = createRetries({ publisher, topology: createTopology('test'), log })
  return { isConfirmed: await send(retries, one), verbs }
}

const bury = (publisher: Publisher) => copy(publisher, (retries, one) => retries.bury(one, new Error('x')))

describe('sending a copy', () => {
  it('goes on until the broker has it', async () => {
    expect(await bury(publisherThrowing(new PublishError('PUBLISH_NACKED', 'full')))).toEqual({
      isConfirmed: true,
      verbs: []
    })
  })

  it('that can never be sent is given up, and the broker buries the original', async () => {
    const { isConfirmed, verbs } = await bury(publisherThrowing(new TypeError('Unknown type to encode')))
    expect({ isConfirmed, verbs }).toEqual({ isConfirmed: false, verbs: ['discard'] })
  })

  it('of a dead letter that can never be sent leaves the letter alone: the broker would drop it', async () => {
    const unsendable = publisherThrowing(new TypeError('Unknown type to encode'))
    expect(await copy(unsendable, (retries, one) => retries.postpone(one))).toEqual({
      isConfirmed: false,
      verbs: []
    })
  })

  it('of a dead letter says why it died, whoever found that out, each time it is postponed', async () => {
    const sent: OutgoingMessage[] = []
    const publisher: Publisher = {
      ...publisherThrowing(),
      publish: async (message) => void sent.push(message)
    }
    const byBroker = { 'x-death': [{ reason: 'delivery_limit', queue: 'quarantine.v1' }] }
    await copy(publisher, (retries, one) => retries.postpone(one), byBroker)
    const [first] = sent
    expect(first).toMatchObject({ exchange: 'test.retry', routingKey: '10m.dead' })
    expect(first?.properties.headers).toMatchObject({
      'fault-class': 'Broker',
      'fault-code': 'DELIVERY_LIMIT'
    })
    expect(first?.properties.headers).not.toHaveProperty('x-death')

    const expired = {
      ...first?.properties.headers,
      'x-death': [{ reason: 'expired', queue: 'retry.10m.v1' }]
    }
    await copy(publisher, (retries, one) => retries.postpone({ ...one, routingKey: '10m.dead' }), expired)
    expect(sent[1]?.properties.headers).toMatchObject({ 'fault-code': 'DELIVERY_LIMIT' })
  })
})

describe('a copy', () => {
  it('keeps what the message says and leaves the broker’s headers behind', () => {
    const copy = copyOf(
      delivery({ source: 'crm', attempt: 1, 'x-death': [{}], 'x-delivery-count': 3 }),
      'retry',
      '30s.feed',
      { attempt: 2 }
    )
    expect(copy).toMatchObject({ exchange: 'retry', routingKey: '30s.feed', body: Buffer.from('{}') })
    expect(copy.properties).toEqual({
      messageId: 'd.0',
      type: 'record',
      contentType: 'application/json',
      timestamp: 5,
      headers: { source: 'crm', attempt: 2 }
    })
  })

  it('of a message with a full header table drops what is large, so that there is room for the fault', () => {
    const { headers } = copyOf(
      delivery({ source: 'crm', large: 'x'.repeat(60_000) }),
      'dead',
      'webhook.crm',
      {}
    ).properties
    expect(headers).toEqual({ source: 'crm' })
  })

  it('is made of a message without any properties', () => {
    const copy = copyOf({ body: Buffer.from('?'), properties: {} }, 'dead', 'webhook.crm', { attempt: 0 })
    expect(copy.properties).toMatchObject({ messageId: '', type: '', headers: { attempt: 0 } })
  })
})
