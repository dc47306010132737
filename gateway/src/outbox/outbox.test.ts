import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import type { NewOutboxRow, OutboxLimits, OutboxStored } from '@sluice/prisma/tables/outbox'
import type { OutgoingMessage } from '@sluice/shared/envelope'
import { DataError } from '@sluice/shared/errors'
import { createLogger } from '@sluice/shared/log'
import { createOutbox } from './outbox.ts'

const log = createLogger({ service: 'test', level: 'silent' })

const messages = (delivery: string, count = 1, bytes = 2): OutgoingMessage[] =>
  Array.from({ length: count }, (_, index) => ({
    exchange: 'x.records',
    routingKey: 'webhook.crm',
    body: Buffer.alloc(bytes),
    properties: {
      messageId: `${delivery}.${index}`,
      type: 'record',
      contentType: 'application/json',
      timestamp: 1,
      headers: {}
    }
  }))

/** A table of ten typed lines: per source all or nothing, as `insertOutbox`. */
const createTable = (before: () => Promise<void> | void = () => undefined) => {
  const statements: string[][] = []
  const used = new Map<number, number>()
  const insert = async (
    rows: readonly NewOutboxRow[],
    { maxRows }: OutboxLimits
  ): Promise<OutboxStored[]> => {
    statements.push(rows.map(({ messageId }) => messageId))
    await before()
    return [...Map.groupBy(rows, ({ sourceId }) => sourceId)].map(([sourceId, its]) => {
      const there = used.get(sourceId) ?? 0
      const stored = there + its.length <= maxRows
      if (stored) used.set(sourceId, there + its.length)
      return { sourceId, stored, rows: there, bytes: 0 }
    })
  }
  return { insert, statements, used }
}

describe('the outbox', () => {
  it('stores requests that arrive during a statement with the next one', async () => {
    const { insert, statements } = createTable(() => sleep(10))
    const { store } = createOutbox({ insert, log })
    const outcomes = await Promise.all(Array.from({ length: 50 }, (_, n) => store(messages(`d${n}`), 1, 200)))
    expect(new Set(outcomes)).toEqual(new Set(['stored']))
    expect(statements.length).toBeLessThanOrEqual(3)
    expect(statements.flat().toSorted()).toEqual(Array.from({ length: 50 }, (_, n) => `d${n}.0`).toSorted())
  })

  it('takes as many requests as there is room for, and none of those beyond', async () => {
    const { insert, used } = createTable(() => sleep(5))
    const { store } = createOutbox({ insert, log, limits: { maxRows: 10, maxBytes: 1_000 } })
    const outcomes = await Promise.all(
      Array.from({ length: 8 }, (_, n) => store(messages(`d${n}`, 3), 1, 200))
    )
    expect(outcomes.filter((outcome) => outcome === 'stored')).toHaveLength(3)
    expect(used.get(1)).toBe(9)
    expect(await store(messages('small'), 1, 200)).toBe('stored')
    expect(await store(messages('one more'), 1, 200)).toBe('full')
  })

  it('one source that is full does not keep another out', async () => {
    const { insert } = createTable(() => sleep(5))
    const { store } = createOutbox({ insert, log, limits: { maxRows: 2, maxBytes: 1_000 } })
    const requests = [store(messages('a', 3), 1, 200), store(messages('b', 2), 2, 200)]
    expect(await Promise.all(requests)).toEqual(['full', 'stored'])
  })

  it('answers within its time when Postgres hangs, and does not store later what still stood in line', async () => {
    const hang = Promise.withResolvers<void>()
    const { insert, statements } = createTable(() => hang.promise)
    const { store } = createOutbox({ insert, log })
    const startedAt = performance.now()
    const outcomes = await Promise.allSettled(
      Array.from({ length: 20 }, (_, n) => store(messages(`d${n}`), 1, 50))
    )
    expect(performance.now() - startedAt).toBeLessThan(150)
    expect(new Set(outcomes.map(({ status }) => status))).toEqual(new Set(['rejected']))
    hang.resolve()
    await sleep(20)
    expect(statements.flat()).toHaveLength(2) // those that were under way, one a statement
    expect(await store(messages('later'), 1, 50)).toBe('stored')
  })

  it('takes no more than so many bytes into line', async () => {
    const hang = Promise.withResolvers<void>()
    const { insert } = createTable(() => hang.promise)
    const { store } = createOutbox({ insert, log })
    const mebibytes = Array.from({ length: 40 }, (_, n) => store(messages(`d${n}`, 1, 1 << 20), 1, 100))
    const outcomes = await Promise.allSettled(mebibytes)
    const reasons = outcomes.map((outcome) => (outcome.status === 'rejected' ? String(outcome.reason) : ''))
    expect(reasons.filter((reason) => reason.includes('stands in line')).length).toBeGreaterThanOrEqual(5)
    hang.resolve()
  })

  it('one request Postgres refuses costs only itself', async () => {
    const table = createTable(() => sleep(5))
    const { store } = createOutbox({
      log,
      insert: async (rows, limits) => {
        if (rows.some(({ messageId }) => messageId === 'bad.0')) throw new DataError('DB_DATA', 'no')
        return table.insert(rows, limits)
      }
    })
    const requests = ['first', 'second', 'a', 'bad', 'b'].map((delivery) => store(messages(delivery), 1, 200))
    const outcomes = await Promise.allSettled(requests)
    expect(outcomes.map(({ status }) => status)).toEqual([
      'fulfilled',
      'fulfilled',
      'fulfilled',
      'rejected',
      'fulfilled'
    ])
  })

  it('a source that is gone is refused', async () => {
    const { store } = createOutbox({ insert: async () => [], log })
    await expect(store(messages('d'), 1, 200)).rejects.toMatchObject({ code: 'OUTBOX_SOURCE_GONE' })
  })
})
