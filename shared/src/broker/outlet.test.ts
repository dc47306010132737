import type { ConfirmChannel, Message } from 'amqplib'
import { expect, test } from 'vitest'
import type { OutgoingMessage } from '../envelope.ts'
import { countReturn, problemOf, type Outlet } from './outlet.ts'

const outgoing = (messageId: string, routingKey = 'webhook.a'): OutgoingMessage => ({
  exchange: 'records',
  routingKey,
  body: Buffer.from('{}'),
  properties: { messageId, type: 'record', contentType: 'application/json', timestamp: 0, headers: {} }
})

const outlet = (...returned: OutgoingMessage[]): Outlet => {
  const opened: Outlet = {
    channel: {} as ConfirmChannel,
    unanswered: 0,
    bytes: 0,
    isWritable: true,
    openedAt: 0,
    deadline: 0,
    isRetiring: false,
    returned: new Map()
  }
  for (const { exchange, routingKey, properties } of returned) {
    countReturn(opened, { fields: { exchange, routingKey }, properties } as unknown as Message)
  }
  return opened
}

test('a confirm after a return of the same message is a refusal, each return counting once', () => {
  const at = outlet(outgoing('m1'), outgoing('m1'))
  const codes = Array.from({ length: 3 }, () => problemOf(null, outgoing('m1'), at)?.code)
  expect(codes).toEqual(['PUBLISH_RETURNED', 'PUBLISH_RETURNED', undefined])
})

test('a return says nothing about another message, or the same one sent elsewhere', () => {
  const at = outlet(outgoing('m1'))
  expect(problemOf(null, outgoing('m2'), at)).toBeUndefined()
  expect(problemOf(null, outgoing('m1', 'feed.a'), at)).toBeUndefined()
})

test('a nack is certainly not accepted, a closed channel is unknown', () => {
  expect(problemOf(new Error('message nacked'), outgoing('m1'), outlet())).toMatchObject({
    code: 'PUBLISH_NACKED',
    sent: false
  })
  expect(problemOf(new Error('channel closed'), outgoing('m1'), outlet())).toMatchObject({
    code: 'PUBLISH_UNKNOWN',
    sent: true
  })
})
