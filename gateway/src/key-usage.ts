import { toError } from '@sluice/shared/errors'
import type { Logger } from '@sluice/shared/log'

/** Remembers which keys were used and tells Postgres now and then: never one write a request. */
export interface KeyUsage {
  note: (keyId: number) => void
  /** Writes what was noted; best effort, a failure is logged and the times are kept for the next attempt. */
  flush: () => Promise<void>
  start: () => void
  /** Stops the timer and writes once more. */
  close: () => Promise<void>
}

export interface KeyUsageOptions {
  touch: (used: { id: number; usedAt: Date }[]) => Promise<unknown>
  log: Logger
  everyMs?: number
}

const EVERY_MS = 10_000

export const createKeyUsage = ({ touch, log, everyMs = EVERY_MS }: KeyUsageOptions): KeyUsage => {
  let used = new Map<number, Date>()
  let timer: NodeJS.Timeout | undefined

  const flush = async (): Promise<void> => {
    if (used.size === 0) return
    const writing = used
    used = new Map()
    try {
      await touch([...writing].map(([id, usedAt]) => ({ id, usedAt })))
    } catch (thrown) {
      log.warn({ err: toError(thrown), keys: writing.size }, 'last use of keys could not be written')
      used = new Map([...writing, ...used]) // what was noted meanwhile is newer
    }
  }

  return {
    note: (keyId) => void used.set(keyId, new Date()),
    flush,
    start: () => {
      timer = setInterval(() => void flush(), everyMs).unref()
    },
    close: async () => {
      clearInterval(timer)
      await flush()
    }
  }
}
