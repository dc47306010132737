import { setTimeout as sleep } from 'node:timers/promises'

/** Waits until `count` more may go; ends early, without a word, when the signal fires. */
export type Pace = (count: number, signal: AbortSignal) => Promise<void>

export interface PaceDeps {
  now?: () => number
  pause?: (ms: number, signal: AbortSignal) => Promise<unknown>
}

const sleepUnlessAborted = (ms: number, signal: AbortSignal): Promise<unknown> =>
  sleep(ms, undefined, { signal }).catch(() => undefined)

/** At most so many a second. Time that was lost is not made up for: what comes after a stall comes no faster. */
export const createPace = (
  perSecond: number,
  { now = () => performance.now(), pause = sleepUnlessAborted }: PaceDeps = {}
): Pace => {
  let freeAt = now()
  return async (count, signal) => {
    const waitMs = freeAt - now()
    freeAt = Math.max(freeAt, now()) + (count / perSecond) * 1_000
    if (waitMs > 0) await pause(waitMs, signal)
  }
}

/** How many go at once, so that a cap is felt evenly and few are under way when somebody stops: a tenth of a second's. */
export const chunkSize = (perSecond: number): number => Math.min(MAX_CHUNK, Math.ceil(perSecond / 10))

const MAX_CHUNK = 100
