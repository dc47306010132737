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
      getField: async <T>(_key: string, field: string) => kept.get(field)?.value as T | undefined,
      setFields: async (
        _key: string,
        fields: readonly (readonly [string, unknown])[],
        ttlSeconds: number
      ) => {
        for (const [field, value] of fields) kept.set(field, { value, ttlSeconds })
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
  expect(kept.get(id)?.ttlSeconds).toBeGreaterThanOrEqual(3 * DAY_SECONDS)
})
