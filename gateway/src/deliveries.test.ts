import { describe, expect, it } from 'vitest'
import type { DeliveryRow } from '@sluice/prisma/tables/deliveries'
import { createFindDelivery, toDeliveryStatus } from './deliveries.ts'
import { createDeliveryId } from './delivery-id.ts'
import type { QueuedMark } from './queued-marks.ts'

const settledAt = new Date('2026-11-23T10:00:00Z')

const row = (
  messageId: string,
  outcome: DeliveryRow['outcome'],
  more: Partial<DeliveryRow> = {}
): DeliveryRow => ({
  messageId,
  sourceId: 7,
  sourceSlug: 'crm',
  externalId: `offer ${messageId}`,
  stamp: 'stamp',
  outcome,
  receivedAt: settledAt,
  settledAt,
  ...more
})

const nothing = { settled: [], outboxed: [], mark: undefined }

describe('what became of a delivery', () => {
  it('is unknown when nobody knows of it', () => {
    expect(toDeliveryStatus('d', nothing)).toBeUndefined()
  })

  it('is queued as long as one record is, wherever that is known from', () => {
    const queued = { id: 'd', state: 'queued' }
    expect(toDeliveryStatus('d', { ...nothing, mark: { sourceId: 7, records: 2 } })).toEqual({
      ...queued,
      records: [
        { index: 0, outcome: 'queued' },
        { index: 1, outcome: 'queued' }
      ]
    })
    // The outbox holds record 1; so there is a record 0, and nobody has settled it.
    expect(toDeliveryStatus('d', { ...nothing, outboxed: ['d.1'] })?.records).toHaveLength(2)
    expect(
      toDeliveryStatus('d', { ...nothing, settled: [row('d.0', 'created')], outboxed: ['d.1'] })
    ).toMatchObject({ ...queued, records: [{ outcome: 'created' }, { outcome: 'queued' }] })
  })

  it('is queued while the first of its records are settled and nothing but these is known', () => {
    const settled = [row('d.0', 'created', { recordCount: 3 }), row('d.1', 'updated', { recordCount: 3 })]
    expect(toDeliveryStatus('d', { ...nothing, settled })).toMatchObject({
      state: 'queued',
      records: [{ outcome: 'created' }, { outcome: 'updated' }, { index: 2, outcome: 'queued' }]
    })
  })

  it('says why a record was rejected', () => {
    const settled = [
      row('d.0', 'created'),
      row('d.1', 'rejected', { code: 'RECORD_INVALID', path: '/price', message: 'price is missing' })
    ]
    expect(toDeliveryStatus('d', { ...nothing, settled })).toEqual({
      id: 'd',
      state: 'done',
      records: [
        { index: 0, externalId: 'offer d.0', outcome: 'created', settledAt: '2026-11-23T10:00:00.000Z' },
        {
          index: 1,
          externalId: 'offer d.1',
          outcome: 'rejected',
          settledAt: '2026-11-23T10:00:00.000Z',
          code: 'RECORD_INVALID',
          path: '/price',
          message: 'price is missing'
        }
      ]
    })
  })

  it('tells nothing of what went wrong on our side', () => {
    const inside = { code: 'DB_UNAVAILABLE', message: 'nothing answers at 10.0.0.7:5432' }
    const status = toDeliveryStatus('d', {
      ...nothing,
      settled: [row('d.0', 'retried', inside), row('d.1', 'dead', inside)]
    })
    expect(status).toMatchObject({ state: 'queued', records: [{ outcome: 'queued' }, { outcome: 'dead' }] })
    expect(JSON.stringify(status)).not.toMatch(/DB_|10\.0/)
  })
})

const find = (
  mark: () => QueuedMark | undefined,
  settled: readonly DeliveryRow[] = [],
  asked: string[] = []
) =>
  createFindDelivery({
    findSettled: async (id) => {
      asked.push(id)
      return [...settled]
    },
    findOutboxed: async () => [],
    queuedMarks: { find: async () => mark() }
  })

describe('looking for a delivery', () => {
  it('shows nothing of another source', async () => {
    const id = createDeliveryId(0)
    const findDelivery = find(() => ({ sourceId: 7, records: 1 }), [row(`${id}.0`, 'created')])
    expect(await findDelivery(id, 7)).toMatchObject({ state: 'done' })
    expect(await findDelivery(id, 8)).toBeUndefined()
  })

  it('waits a moment for the mark of one that was made just now, and for no other', async () => {
    let looks = 0
    const late = find(() => (++looks > 1 ? { sourceId: 7, records: 1 } : undefined))
    expect(await late(createDeliveryId(), 7)).toMatchObject({ state: 'queued' })
    const asked: string[] = []
    expect(await find(() => undefined, [], asked)(createDeliveryId(Date.now() - 60_000), 7)).toBeUndefined()
    expect(asked).toHaveLength(1)
  })

  it('asks for no more than two at once, whoever asks', async () => {
    let asked = 0
    const answer = Promise.withResolvers<DeliveryRow[]>()
    const findDelivery = createFindDelivery({
      findSettled: async () => ((asked += 1), answer.promise),
      findOutboxed: async () => [],
      queuedMarks: { find: async () => ({ sourceId: 7, records: 1 }) }
    })
    const found = Array.from({ length: 5 }, () => findDelivery(createDeliveryId(), 7))
    await new Promise((resolve) => setImmediate(resolve))
    expect(asked).toBe(2)
    answer.resolve([])
    expect(await Promise.all(found)).toHaveLength(5)
    expect(asked).toBe(5)
  })

  it.each([
    '',
    'x',
    '../..',
    "' OR 1=1",
    '019ab0c4-7d1e-4c3a-9f52-6b1d0e8a4c11',
    '019AB0C4-7D1E-7C3A-9F52-6B1D0E8A4C11'
  ])('asks nobody for what is no id: %j', async (id) => {
    const asked: string[] = []
    expect(await find(() => ({ sourceId: 7, records: 1 }), [], asked)(id, 7)).toBeUndefined()
    expect(asked).toEqual([])
  })
})
