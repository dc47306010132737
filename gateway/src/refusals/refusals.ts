import { toError } from '@sluice/shared/errors'
import type { Logger } from '@sluice/shared/log'

/** What is known of one refused request. No header, no value of the body. */
export interface RefusalSample {
  requestId: string
  address: string
  /** What the sender was told. */
  detail: string
  /** Why authentication failed, which the sender is not told. */
  reason?: string
  contentType?: string
  bytes?: number
  /** See `skeletonOf`. */
  skeleton?: string
}

/** Refusals of one source, code and minute. */
export interface RefusalCount {
  sourceSlug: string
  code: string
  minute: Date
  count: number
  lastAt: Date
  /** Of the first of them. */
  sample: RefusalSample
}

/**
 * Remembers what was refused, by source, code and minute, and writes it to Postgres every few seconds: a flood costs one
 * row a minute, and one sample. What cannot be written is kept while there is room.
 */
export interface Refusals {
  /** `sample` is asked for only when it is the first of its minute. */
  note: (sourceSlug: string, code: string, isKnown: boolean, sample: () => RefusalSample) => void
  flush: () => Promise<void>
  start: () => void
  close: () => Promise<void>
}

export interface RefusalsOptions {
  write: (counts: readonly RefusalCount[]) => Promise<unknown>
  log: Logger
  now?: () => number
}

const EVERY_MS = 2_000
const MINUTE_MS = 60_000
const MAX_WAITING = 4_000
/** Of names that may not exist: whoever makes them up does not crowd out those that do. */
const MAX_UNKNOWN_WAITING = 400

export const createRefusals = ({ write, log, now = Date.now }: RefusalsOptions): Refusals => {
  let waiting = new Map<string, RefusalCount>()
  let timer: NodeJS.Timeout | undefined

  const add = (counts: Iterable<RefusalCount>): void => {
    for (const refusal of counts) {
      const key = keyOf(refusal)
      const known = waiting.get(key)
      if (known === undefined) waiting.set(key, refusal)
      else known.count += refusal.count
    }
  }

  const flush = async (): Promise<void> => {
    if (waiting.size === 0) return
    const writing = waiting
    waiting = new Map()
    try {
      await write([...writing.values()])
    } catch (thrown) {
      log.warn({ err: toError(thrown), rows: writing.size }, 'refusals could not be written')
      const newer = waiting
      waiting = writing
      if (newer.size + writing.size <= MAX_WAITING) add(newer.values())
    }
  }

  return {
    note: (sourceSlug, code, isKnown, sample) => {
      const at = now()
      const minute = new Date(at - (at % MINUTE_MS))
      const key = keyOf({ sourceSlug, code, minute })
      const known = waiting.get(key)
      if (known !== undefined) {
        known.count++
        known.lastAt = new Date(at)
      } else if (waiting.size < (isKnown ? MAX_WAITING : MAX_UNKNOWN_WAITING)) {
        waiting.set(key, { sourceSlug, code, minute, count: 1, lastAt: new Date(at), sample: sample() })
      }
    },
    flush,
    start: () => {
      timer = setInterval(() => void flush(), EVERY_MS).unref()
    },
    close: async () => {
      clearInterval(timer)
      await flush()
    }
  }
}

const keyOf = ({ sourceSlug, code, minute }: Pick<RefusalCount, 'sourceSlug' | 'code' | 'minute'>): string =>
  `${sourceSlug} ${code} ${minute.getTime()}`
