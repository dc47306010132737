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
  /** To be called once the delivery is durable. Never waited for: Redis hears of it with the next question, or soon. */
  remember: (event: Event, deliveryId: string) => void
  /** Tells Redis what it has not heard yet. */
  close: () => Promise<void>
}

/** What a delivery is known by whose sender has vouched for an id. */
export interface Event {
  sourceId: number
  /** Of one length, whatever the sender's was. */
  digest: string
}

/** @param externalIds of the offers it is about, where a format lets several deliveries share an id */
export const toEvent = (sourceId: number, eventId: string, externalIds: readonly string[] = []): Event => ({
  sourceId,
  digest: hash('sha256', JSON.stringify([eventId, ...externalIds.toSorted()]), 'base64url')
})

/**
 * Longer than the schedules senders retry by (Standard Webhooks' ends after three days). A mark is about 120 bytes: ten
 * signed deliveries a second, for three days, are 300 MB.
 */
const TTL_SECONDS = 3 * 24 * 3_600

/** Until then a copy that comes to another replica is published as well, and merged. */
const LINGER_MS = 5

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
  const keyOf = ({ sourceId, digest }: Event): string => `${namespace}:event:${sourceId}:${digest}`

  let marks: Mark[] = []
  let timer: NodeJS.Timeout | undefined

  const keep = async (): Promise<void> => {
    clearTimeout(timer)
    timer = undefined
    if (marks.length === 0) return
    const keys = marks.map(({ key }) => key)
    const ids = marks.map(({ deliveryId }) => deliveryId)
    marks = []
    await redis.ask(
      'duplicates',
      (client) => client.eval(KEEP, keys.length, ...keys, TTL_SECONDS, ...ids),
      keys.length
    )
  }

  const look = createTogether(async (keys: readonly string[]): Promise<readonly (string | undefined)[]> => {
    void keep() // ahead of the question and in one write with it: what was remembered here is found
    const found = await redis.ask('duplicates', (client) => client.mget(...keys), keys.length)
    return found?.map((id) => id ?? undefined) ?? []
  })

  return {
    find: (event) => look(keyOf(event)),
    remember: (event, deliveryId) => {
      marks.push({ key: keyOf(event), deliveryId })
      timer ??= setTimeout(() => void keep(), LINGER_MS).unref()
    },
    close: keep
  }
}
