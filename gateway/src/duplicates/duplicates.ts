import { hash } from 'node:crypto'
import type { QuickRedis } from '../quick-redis.ts'
import { createTogether } from '../together.ts'

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

interface Mark {
  key: string
  deliveryId: string
}

/** The first delivery of an event keeps its place. Arguments: how long, then a delivery for each key. */
const KEEP = `
for place, key in ipairs(KEYS) do
  redis.call('SET', key, ARGV[place + 1], 'EX', ARGV[1], 'NX')
end`

export interface DuplicatesOptions {
  redis: Pick<QuickRedis, 'ask'>
  /** Prefix of every key. */
  namespace: string
}

export const createDuplicates = ({ redis, namespace }: DuplicatesOptions): Duplicates => {
  const keyOf = ({ sourceId, id }: Event): string =>
    `${namespace}:event:${sourceId}:${hash('sha256', id, 'base64url')}`

  const look = createTogether(async (keys: readonly string[]) => {
    const found = await redis.ask('duplicates', (client) => client.mget(...keys), keys.length)
    return found ?? keys.map(() => null)
  })
  const keep = createTogether(async (marks: readonly Mark[]) => {
    const keys = marks.map(({ key }) => key)
    const ids = marks.map(({ deliveryId }) => deliveryId)
    await redis.ask(
      'duplicates',
      (client) => client.eval(KEEP, keys.length, ...keys, TTL_SECONDS, ...ids),
      keys.length
    )
    return marks
  })

  return {
    find: async (event) => (await look(keyOf(event))) ?? undefined,
    remember: (event, deliveryId) => void keep({ key: keyOf(event), deliveryId })
  }
}
