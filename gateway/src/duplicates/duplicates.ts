import { createHash } from 'node:crypto'
import type { QuickRedis } from '../quick-redis.ts'

/**
 * Which events of a source have been accepted, by an id the signature covers: nobody can make another delivery look
 * like a copy. Remembered only once the delivery is durable, so that a retry after a failure is never taken for a copy;
 * copies that come meanwhile are all published, and merged into one effect. Without Redis nothing is a copy.
 */
export interface Duplicates {
  /** The delivery that brought this event first; `undefined`: none we know of. */
  find: (event: Event) => Promise<string | undefined>
  /** To be called once the delivery is durable. Never waited for. */
  remember: (event: Event, deliveryId: string) => void
}

export interface Event {
  sourceId: number
  id: string
}

/**
 * Longer than the schedules senders retry by (Standard Webhooks' ends after three days). A mark is about 120 bytes: ten
 * signed deliveries a second, for three days, are 300 MB.
 */
const TTL_SECONDS = 3 * 24 * 3_600

export interface DuplicatesOptions {
  redis: Pick<QuickRedis, 'ask'>
  /** Prefix of every key. */
  namespace: string
}

export const createDuplicates = ({ redis, namespace }: DuplicatesOptions): Duplicates => {
  const keyOf = ({ sourceId, id }: Event): string =>
    `${namespace}:event:${sourceId}:${createHash('sha256').update(id).digest('base64url')}`
  return {
    find: async (event) => (await redis.ask('duplicates', (client) => client.get(keyOf(event)))) ?? undefined,
    remember: (event, deliveryId) =>
      void redis.ask('duplicates', (client) => client.set(keyOf(event), deliveryId, 'EX', TTL_SECONDS, 'NX'))
  }
}
