import { expect, it } from 'vitest'
import type { Envelope } from '@sluice/shared/envelope'
import { createDeliveryId } from './delivery-id.ts'
import { createQueuedMarks, type QueuedMark } from './queued-marks.ts'

const DAY_SECONDS = 24 * 3_600

/** What Redis was asked to keep, and for how long. */
const createKept = () => {
  const kept = new Map<string, { value: unknown; ttlSeconds: number }>()
  return {
    kept,
    cache: {
      getField: async <T>(key: string, field: string) => kept.get(`${key} ${field}`)?.value as T | undefined,
      setFields: async (key: string, fields: readonly (readonly [string, unknown])[], ttlSeconds: number) => {
        for (const [field, value] of fields) kept.set(`${key} ${field}`, { value, ttlSeconds })
      }
    }
  }
}

const envelopes = (id: string, count: number) =>
  Array.from({ length: count }, (_, index) => ({ messageId: `${id}.${index}` })) as Envelope[]

it('a delivery is known to be queued at once, and as long as workers may be away', async () => {
  const { kept, cache } = createKept()
  const marks = createQueuedMarks({ cache })
  const id = createDeliveryId()
  const mark: QueuedMark = { sourceId: 7, records: 3 }
  marks.note(envelopes(id, 3), 7)
  expect(await marks.find(id)).toEqual(mark)
  expect(kept.size).toBe(0)

  await marks.close()
  expect(await marks.find(id)).toEqual(mark)
  expect([...kept.values()].map(({ ttlSeconds }) => ttlSeconds)).toEqual([3 * DAY_SECONDS])
})

it('a delivery that the release before accepted is known as well: its key was the second of its id', async () => {
  const { cache } = createKept()
  const id = createDeliveryId(1_795_000_000_999)
  const mark: QueuedMark = { sourceId: 7, records: 1 }
  await cache.setFields('deliveries:1795000000', [[id, mark]], DAY_SECONDS)
  expect(await createQueuedMarks({ cache }).find(id)).toEqual(mark)
})
