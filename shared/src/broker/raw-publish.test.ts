import type { ConfirmChannel } from 'amqplib'
import { expect, it } from 'vitest'
import { publishOn } from './raw-publish.ts'

it('leaves publishing to amqplib when its inside is another', () => {
  const asked: unknown[][] = []
  const other = { publish: (...parts: unknown[]) => asked.push(parts) > 0 } as unknown as ConfirmChannel
  const message = {
    exchange: 'x.records',
    routingKey: 'webhook.crm',
    body: Buffer.from('{}'),
    properties: {
      messageId: 'd.0',
      type: 'record',
      contentType: 'application/json' as const,
      timestamp: 1,
      headers: { attempt: 0 }
    }
  }
  const onAnswer = (): undefined => undefined
  expect(publishOn(other, message, true, onAnswer)).toBe(true)
  const options = { ...message.properties, persistent: true, mandatory: true }
  expect(asked).toEqual([['x.records', 'webhook.crm', message.body, options, onAnswer]])
})
