import { describe, expect, it } from 'vitest'
import { PublishError, type PublishErrorCode } from '@sluice/shared/broker'
import type { Envelope, OutgoingMessage } from '@sluice/shared/envelope'
import { createAccept, type AcceptingSource } from './accept.ts'
import { createBreaker } from './breaker.ts'
import { startBudget, type Budget } from './budget.ts'
import { BUDGET_MS, CONFIRM_MS, OUTBOX_MS } from './limits.ts'

const envelope = (ordinal: number): Envelope => ({
  messageId: `d.${ordinal}`,
  type: 'record',
  vendor: 'acme',
  source: 'acme-crm',
  format: 'sluice',
  formatVersion: 1,
  lane: 'webhook',
  externalId: String(ordinal),
  factAt: 1,
  factAtFrom: 'receipt',
  receivedAt: 1,
  ordinal,
  recordHash: '0'.repeat(64),
  sourceRevision: 1,
  attempt: 0,
  body: Buffer.from('{}')
})
const three = [0, 1, 2].map(envelope)

const source = (settings: Partial<AcceptingSource> = {}): AcceptingSource => ({
  id: 7,
  slug: 'acme-crm',
  isPaused: false,
  onBrokerDown: 'outbox',
  onPaused: 'refuse',
  ...settings
})

/** Of a request of whose time so much is left. */
const budget = (leftMs = BUDGET_MS): Budget => startBudget(performance.now() - BUDGET_MS + leftMs)

type Answer = 'ok' | PublishErrorCode | Error

/** A house in which message n is answered with `answers[n]`, and the outbox says `outcome`. */
const world = (answers: readonly Answer[], outcome: 'stored' | 'full' | Error = 'stored') => {
  const published: string[] = []
  const confirmMs: number[] = []
  const outboxed: string[] = []
  const outboxMs: number[] = []
  const noted: string[] = []
  const accept = createAccept({
    breaker: createBreaker(),
    exchange: 'x.records',
    publisher: {
      status: 'ready',
      publish: async ({ properties }, { timeoutMs = 0 } = {}) => {
        confirmMs.push(timeoutMs)
        const answer = answers[published.push(properties.messageId) - 1] ?? 'ok'
        if (answer !== 'ok') throw typeof answer === 'string' ? new PublishError(answer, 'no') : answer
      }
    },
    outbox: {
      store: async (messages: readonly OutgoingMessage[], sourceId, timeLeftMs) => {
        expect(sourceId).toBe(7)
        outboxed.push(...messages.map(({ properties }) => properties.messageId))
        outboxMs.push(timeLeftMs)
        if (outcome instanceof Error) throw outcome
        return outcome
      }
    },
    queuedMarks: { note: (envelopes) => void noted.push(...envelopes.map(({ messageId }) => messageId)) }
  })
  return { accept, published, confirmMs, outboxed, outboxMs, noted }
}

const refused = (code: string, cause?: object) =>
  expect.objectContaining({
    code,
    ...(cause === undefined ? {} : { cause: expect.objectContaining(cause) as unknown })
  })

describe('accepting the records of a request', () => {
  it('asks the outbox for nothing when all are confirmed', async () => {
    const { accept, outboxed, noted } = world([])
    expect(await accept(three, source(), budget())).toEqual({ confirmed: 3, outboxed: 0 })
    expect(outboxed).toEqual([])
    expect(noted).toEqual(['d.0', 'd.1', 'd.2'])
  })

  it.each(['PUBLISH_UNKNOWN', 'PUBLISH_NACKED', 'PUBLISH_RETURNED', 'BROKER_SATURATED'] as const)(
    'stores exactly the record that ended in %s, and the request is accepted',
    async (code) => {
      const { accept, outboxed } = world(['ok', code, 'ok'])
      expect(await accept(three, source(), budget())).toEqual({ confirmed: 2, outboxed: 1 })
      expect(outboxed).toEqual(['d.1'])
    }
  )

  it('refuses at once, and stores nothing, where the source wants that', async () => {
    const { accept, outboxed, noted } = world(['ok', 'PUBLISH_NACKED'])
    await expect(accept(three, source({ onBrokerDown: 'refuse' }), budget())).rejects.toEqual(
      refused('NOT_ACCEPTED', { code: 'PUBLISH_NACKED' })
    )
    expect(outboxed).toEqual([])
    expect(noted).toEqual([])
  })

  it('refuses what a copy of the source made by an older release does not allow', async () => {
    const { onBrokerDown: _, onPaused: __, ...old } = source({ isPaused: true })
    await expect(world([]).accept(three, old as AcceptingSource, budget())).rejects.toEqual(
      refused('SOURCE_PAUSED')
    )
    const running = { ...old, isPaused: false } as AcceptingSource
    await expect(world(['BROKER_DOWN']).accept(three, running, budget())).rejects.toEqual(
      refused('NOT_ACCEPTED')
    )
  })

  it('says so when the outbox is full', async () => {
    const { accept, noted } = world(['BROKER_DOWN', 'BROKER_DOWN', 'BROKER_DOWN'], 'full')
    await expect(accept(three, source(), budget())).rejects.toEqual(refused('OUTBOX_FULL'))
    expect(noted).toEqual([])
  })

  it('refuses when the outbox is away, too', async () => {
    const { accept } = world(['BROKER_DOWN'], new Error('Postgres is away'))
    await expect(accept(three, source(), budget())).rejects.toEqual(
      refused('NOT_ACCEPTED', { message: 'Postgres is away' })
    )
  })

  it.each([
    { leftMs: 800, confirm: CONFIRM_MS, outbox: OUTBOX_MS },
    { leftMs: 550, confirm: 250, outbox: OUTBOX_MS },
    { leftMs: 450, confirm: 150, outbox: OUTBOX_MS }
  ])(
    'with $leftMs ms left waits $confirm for the broker and $outbox for the outbox',
    async ({ leftMs, confirm, outbox }) => {
      const { accept, confirmMs, outboxMs } = world(['PUBLISH_NACKED'])
      await accept(three, source(), budget(leftMs))
      expect(confirmMs[0]).toBeLessThanOrEqual(confirm)
      expect(confirmMs[0]).toBeGreaterThan(confirm - 20)
      expect(outboxMs[0]).toBeLessThanOrEqual(outbox)
      expect(outboxMs[0]).toBeGreaterThan(outbox - 20)
    }
  )

  it('goes straight to the outbox when there is no time for the broker', async () => {
    const { accept, published, outboxed } = world([])
    expect(await accept(three, source(), budget(350))).toEqual({ confirmed: 0, outboxed: 3 })
    expect(published).toEqual([])
    expect(outboxed).toHaveLength(3)
  })

  it('does not dress up a bug as a refusal', async () => {
    const bug = new TypeError('a bug')
    await expect(world(['ok', bug]).accept(three, source(), budget())).rejects.toBe(bug)
  })
})

describe('a paused source', () => {
  it('is refused, or accepted into the outbox without asking the broker, as it is set', async () => {
    const refusing = world([])
    await expect(refusing.accept(three, source({ isPaused: true }), budget())).rejects.toEqual(
      refused('SOURCE_PAUSED')
    )
    const accepting = world([])
    const settings = source({ isPaused: true, onPaused: 'accept', onBrokerDown: 'refuse' })
    expect(await accepting.accept(three, settings, budget())).toEqual({ confirmed: 0, outboxed: 3 })
    expect([...refusing.published, ...accepting.published]).toEqual([])
    expect(accepting.outboxed).toEqual(['d.0', 'd.1', 'd.2'])
  })
})
