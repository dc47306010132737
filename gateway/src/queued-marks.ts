import type { Cache } from '@sluice/shared/cache'
import type { Envelope } from '@sluice/shared/envelope'
import { madeAt } from './delivery-id.ts'

/** A delivery that was accepted and may not have been applied yet. */
export interface QueuedMark {
  sourceId: number
  records: number
}

/**
 * Remembers for a while that a delivery was accepted, so that a vendor who asks before it is applied hears `queued`.
 * Best effort, in Redis: without it a delivery is known from the outbox, or once it has been applied.
 */
export interface QueuedMarks {
  /** Never waits: the mark is written a moment later, together with others. */
  note: (envelopes: readonly Envelope[], sourceId: number) => void
  find: (deliveryId: string) => Promise<QueuedMark | undefined>
  /** Writes what was noted. */
  close: () => Promise<void>
}

export interface QueuedMarksOptions {
  cache: Pick<Cache, 'getField' | 'setFields'>
  lingerMs?: number
}

/**
 * A weekend on which no worker runs; until then a delivery in RabbitMQ is never said to be unknown. About 70 bytes each,
 * half of what the id of a copy takes for as long, and Redis may drop the oldest of both when it is full.
 */
const TTL_SECONDS = 3 * 24 * 3_600
const LINGER_MS = 10
/** Beyond this in one linger, the marks of the rest are not worth the memory. */
const MAX_WAITING = 5_000

export const createQueuedMarks = ({ cache, lingerMs = LINGER_MS }: QueuedMarksOptions): QueuedMarks => {
  let waiting = new Map<string, QueuedMark>()
  let timer: NodeJS.Timeout | undefined

  const flush = async (): Promise<void> => {
    timer = undefined
    const marks = Map.groupBy(waiting, ([id]) => cacheKey(id))
    waiting = new Map()
    await Promise.all([...marks].map(([key, fields]) => cache.setFields(key, fields, TTL_SECONDS)))
  }

  return {
    note: ([first, ...others], sourceId) => {
      if (first === undefined || waiting.size >= MAX_WAITING) return
      waiting.set(deliveryIdOf(first.messageId), { sourceId, records: others.length + 1 })
      timer ??= setTimeout(() => void flush(), lingerMs).unref()
    },
    find: async (deliveryId) =>
      waiting.get(deliveryId) ??
      (await cache.getField<QueuedMark>(cacheKey(deliveryId), deliveryId)) ??
      cache.getField<QueuedMark>(formerKey(deliveryId), deliveryId),
    close: async () => {
      clearTimeout(timer)
      await flush()
    }
  }
}

/**
 * Those of four seconds share a key, which costs a command for all of them instead of one for each: an id begins with
 * its millisecond in twelve digits, of which these are nine.
 */
const cacheKey = (deliveryId: string): string => `deliveries:${deliveryId.slice(0, '01234567-8'.length)}`

/** Where the release before this one put it, which may have accepted what still waits. */
const formerKey = (deliveryId: string): string => `deliveries:${Math.floor(madeAt(deliveryId) / 1000)}`

/** `<deliveryId>.<index>` without its index. */
const deliveryIdOf = (messageId: string): string => messageId.slice(0, messageId.lastIndexOf('.'))
