import type { ConsumeMessage } from 'amqplib'

/** What becomes of a delivery: done, back to the queue, or to the queue's dead-letter exchange. */
export type Verb = 'ack' | 'requeue' | 'discard'

export interface Delivery {
  body: Buffer
  properties: {
    messageId?: string
    type?: string
    contentType?: string
    correlationId?: string
    /** Seconds since the epoch, as AMQP counts. */
    timestamp?: number
    headers?: Record<string, unknown>
  }
  exchange: string
  routingKey: string
  redelivered: boolean
  /** How often it came back before: the broker's `x-delivery-count`, 0 at first. */
  deliveryCount: number
  /** Its channel went away before it was settled: the broker delivers it again, and settling it does nothing. */
  readonly isLost: boolean
  /** Answers the broker on the channel it came from, once; false when there was nothing left to answer. */
  settle: (verb: Verb) => boolean
}

/** What a message says about itself, without the means to settle it. */
export const describe = (message: ConsumeMessage): Omit<Delivery, 'isLost' | 'settle'> => {
  const { content, fields, properties } = message
  const { messageId, type, contentType, correlationId, timestamp, headers } = properties
  const given: Delivery['properties'] = {} // amqplib says "absent" with undefined
  if (messageId !== undefined) given.messageId = messageId
  if (type !== undefined) given.type = type
  if (contentType !== undefined) given.contentType = contentType
  if (correlationId !== undefined) given.correlationId = correlationId
  if (timestamp !== undefined) given.timestamp = timestamp
  if (headers !== undefined) given.headers = headers
  return {
    body: content,
    properties: given,
    exchange: fields.exchange,
    routingKey: fields.routingKey,
    redelivered: fields.redelivered,
    deliveryCount: Number(headers?.['x-delivery-count'] ?? 0)
  }
}
