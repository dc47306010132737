import { expect, test } from 'vitest'
import { PublishError } from '@sluice/shared/broker'
import type { OutgoingMessage } from '@sluice/shared/envelope'
import { createLogger } from '@sluice/shared/log'
import { createSender } from './sender.ts'

const log = createLogger({ service: 'test', level: 'silent' })
const message = (id: number, bytes = 10): OutgoingMessage => ({
  exchange: 'x',
  routingKey: 'feed.x',
  body: Buffer.alloc(bytes),
  properties: {
    messageId: String(id),
    type: 'record',
    contentType: 'application/json',
    timestamp: 0,
    headers: {}
  }
})

/** A broker that answers through `answer`, and remembers what it saw. */
const setUp = (answer: (id: string, attempt: number) => Promise<void>) => {
  const seen: string[] = []
  let waiting = 0
  let most = 0
  const state = { confirmed: 0 }
  const sender = createSender({
    publisher: {
      publish: async ({ properties: { messageId } }) => {
        seen.push(messageId)
        most = Math.max(most, ++waiting)
        try {
          await answer(messageId, seen.filter((id) => id === messageId).length)
        } finally {
          waiting -= 1
        }
      }
    },
    signal: new AbortController().signal,
    onConfirmed: () => void (state.confirmed += 1),
    log
  })
  return { sender, seen, state, most: () => most }
}

test('many are in flight at once, but not too many', async () => {
  const { sender, seen, state, most } = setUp(() => new Promise((resolve) => setImmediate(resolve)))
  for (let id = 0; id < 2_000; id++) await sender.send(message(id))
  await sender.flush()
  expect([seen.length, state.confirmed]).toEqual([2_000, 2_000])
  expect(most()).toBeGreaterThan(100)
  expect(most()).toBeLessThanOrEqual(500)
})

test('huge records are not all in flight', async () => {
  const { sender, most } = setUp(() => new Promise((resolve) => setImmediate(resolve)))
  for (let id = 0; id < 20; id++) await sender.send(message(id, 4 * 1024 * 1024))
  await sender.flush()
  expect(most()).toBeLessThanOrEqual(2)
})

test('what may or may not have arrived is sent again under the same id', async () => {
  const { sender, seen, state } = setUp(async (id, attempt) => {
    if (id === '1' && attempt < 3) throw new PublishError('PUBLISH_UNKNOWN', 'no confirm')
  })
  await sender.send(message(1))
  await sender.send(message(2))
  await sender.flush()
  expect(seen.filter((id) => id === '1')).toHaveLength(3)
  expect(state.confirmed).toBe(2)
})

test('anything else ends the run, at the latest with the flush', async () => {
  const { sender } = setUp(() => Promise.reject(new TypeError('a bug')))
  await sender.send(message(1))
  await expect(sender.flush()).rejects.toThrow('a bug')
  await expect(sender.send(message(2))).rejects.toThrow('a bug')
})
