import { EventEmitter } from 'node:events'
import type { ChannelModel } from 'amqplib'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { createLogger } from '../log.ts'
import { createPublisher } from './publisher.ts'
import type { Session } from './session.ts'

type OnAnswer = (error: unknown) => void

/** A channel that keeps what the broker would answer, and says of what is left when it is closed that it is lost. */
const createChannel = () => {
  const answers = new Map<string, OnAnswer>()
  const channel = Object.assign(new EventEmitter(), {
    publish: (
      ...[, , , { messageId }, onAnswer]: [unknown, unknown, unknown, { messageId: string }, OnAnswer]
    ) => answers.set(messageId, onAnswer).size > 0,
    close: async () => {
      for (const id of answers.keys()) answer(id, new Error('channel closed'))
      channel.emit('close')
    }
  })
  const answer = (id: string, error: Error | null = null): void => {
    const onAnswer = answers.get(id)
    answers.delete(id)
    onAnswer?.(error)
  }
  return { channel, answer }
}

const message = (messageId: string) => ({
  exchange: 'records',
  routingKey: 'webhook.crm',
  body: Buffer.from('{}'),
  properties: {
    messageId,
    type: 'record',
    contentType: 'application/json' as const,
    timestamp: 1,
    headers: {}
  }
})

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

test('a channel that is replaced has the time of whoever waits longest for an answer of it', async () => {
  const channels = [createChannel(), createChannel()]
  const [first] = channels
  const opened = channels.map(({ channel }) => channel).values()
  const connection = { createConfirmChannel: async () => opened.next().value } as unknown as ChannelModel
  const up = Promise.withResolvers<Parameters<Session['attach']>[0]>()
  const publisher = createPublisher({ attach: up.resolve } as unknown as Session, {
    log: createLogger({ service: 'test', level: 'silent' }),
    confirmTimeoutMs: 450,
    renewAfterMs: 0
  })
  await (await up.promise).open(connection, () => undefined)

  const patient = publisher.publish(message('patient'), { timeoutMs: 4_000 })
  const refused = publisher.publish(message('refused'))
  first?.answer('refused', new Error('message nacked'))
  await expect(refused).rejects.toMatchObject({ code: 'PUBLISH_NACKED' })
  await vi.advanceTimersByTimeAsync(3_000)
  first?.answer('patient')
  await expect(patient).resolves.toBeUndefined()
})
