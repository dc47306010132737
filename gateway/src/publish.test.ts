import { describe, expect, it } from 'vitest'
import { PublishError, type PublishErrorCode, type PublisherStatus } from '@sluice/shared/broker'
import type { OutgoingMessage } from '@sluice/shared/envelope'
import { createBreaker } from './breaker.ts'
import { createPublish } from './publish.ts'

const message = (ordinal: number): OutgoingMessage => ({
  exchange: 'x.records',
  routingKey: 'webhook.crm',
  body: Buffer.from('{}'),
  properties: {
    messageId: `d.${ordinal}`,
    type: 'record',
    contentType: 'application/json',
    timestamp: 1,
    headers: {}
  }
})

/** A publisher that answers message n with `answers[n]`; 'waits' never gets its turn. */
const publisherOf = (
  answers: readonly ('ok' | 'waits' | PublishErrorCode | Error)[],
  status: PublisherStatus = 'ready'
) => {
  const sent: string[] = []
  return {
    sent,
    status,
    publish: (
      { properties }: { properties: { messageId: string } },
      { waitMs }: { waitMs?: number } = {}
    ) => {
      const answer = answers[sent.push(properties.messageId) - 1] ?? 'ok'
      if (answer === 'ok') return Promise.resolve()
      if (answer === 'waits') {
        const late = new PublishError('BROKER_SATURATED', 'late')
        return new Promise<void>((_, reject) => setTimeout(() => reject(late), waitMs))
      }
      return Promise.reject(typeof answer === 'string' ? new PublishError(answer, 'no') : answer)
    }
  }
}

const publishWith = (publisher: ReturnType<typeof publisherOf>, breaker = createBreaker()) =>
  createPublish({ publisher, breaker })

const failed = (index: number, code: PublishErrorCode) => ({
  index,
  error: expect.objectContaining({ code }) as unknown
})

describe('publishing messages', () => {
  it('sends all of them, and nothing is unconfirmed when all are confirmed', async () => {
    const publisher = publisherOf([])
    expect(await publishWith(publisher)([0, 1, 2].map(message), 550)).toEqual([])
    expect(publisher.sent).toEqual(['d.0', 'd.1', 'd.2'])
  })

  it.each(['PUBLISH_UNKNOWN', 'PUBLISH_NACKED', 'PUBLISH_RETURNED', 'BROKER_DOWN'] as const)(
    'says which one ended in %s, and sends the others',
    async (code) => {
      const publisher = publisherOf(['ok', code, 'ok'])
      expect(await publishWith(publisher)([0, 1, 2].map(message), 550)).toEqual([failed(1, code)])
      expect(publisher.sent).toHaveLength(3)
    }
  )

  it.each([
    ['down', 'BROKER_DOWN'],
    ['blocked', 'BROKER_BLOCKED']
  ] as const)('sends nothing while the broker is %s', async (status, code) => {
    const publisher = publisherOf([], status)
    expect(await publishWith(publisher)([message(0)], 550)).toEqual([failed(0, code)])
    expect(publisher.sent).toEqual([])
  })

  it('gives up a message whose turn does not come, within the time', async () => {
    const startedAt = performance.now()
    expect(await publishWith(publisherOf(['waits']))([message(0)], 500)).toEqual([
      failed(0, 'BROKER_SATURATED')
    ])
    expect(performance.now() - startedAt).toBeLessThan(500)
  })

  it.each([-1, 0, 99])(
    'sends nothing when %d ms are left: a late confirm would pass for silence',
    async (leftMs) => {
      const breaker = createBreaker()
      const publisher = publisherOf(['PUBLISH_UNKNOWN'])
      expect(await publishWith(publisher, breaker)([message(0)], leftMs)).toEqual([
        failed(0, 'BROKER_SATURATED')
      ])
      expect(publisher.sent).toEqual([])
      expect(breaker.isOpen).toBe(false)
    }
  )

  it('opens the breaker on silence and closes it on any answer', async () => {
    const breaker = createBreaker({ probeEveryMs: 0 })
    const publish = publishWith(publisherOf(['PUBLISH_UNKNOWN', 'BROKER_DOWN', 'PUBLISH_NACKED']), breaker)
    await publish([message(0)], 550)
    expect(breaker.isOpen).toBe(true)
    await publish([message(1)], 550)
    expect(breaker.isOpen).toBe(true)
    await publish([message(2)], 550)
    expect(breaker.isOpen).toBe(false)
  })

  it('takes nothing for silence that it had little time to wait for', async () => {
    const breaker = createBreaker()
    await publishWith(publisherOf(['PUBLISH_UNKNOWN']), breaker)([message(0)], 150)
    expect(breaker.isOpen).toBe(false)
  })

  it('asks no broker that has not answered lately', async () => {
    const breaker = createBreaker()
    breaker.silent()
    const publisher = publisherOf([])
    expect(await publishWith(publisher, breaker)([message(0)], 550)).toEqual([failed(0, 'BROKER_DOWN')])
    expect(publisher.sent).toEqual([])
  })

  it('does not dress up a bug as an outage', async () => {
    const bug = new TypeError('a bug')
    expect(await publishWith(publisherOf([bug]))([message(0)], 550)).toEqual([{ index: 0, error: bug }])
  })
})
