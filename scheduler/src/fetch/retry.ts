import { setTimeout as sleep } from 'node:timers/promises'
import { TransientError } from '../errors.ts'

export interface Patience {
  attempts: number
  /** Before the second attempt; twice as long before each further one. */
  baseMs: number
}

const MAX_DELAY_MS = 60_000
/** A server that wants to be left alone for longer gets its wish: the run ends and the schedule goes on. */
const MAX_RETRY_AFTER_MS = 5 * 60_000

/**
 * How long to wait after the given attempt (the first is 1) failed; `undefined`: not again. Half of the wait is
 * chance, so that feeds that failed together do not come back together.
 */
export const retryDelayMs = (
  error: unknown,
  attempt: number,
  { attempts, baseMs }: Patience,
  random: number
): number | undefined => {
  if (!(error instanceof TransientError) || attempt >= attempts) return undefined
  const { retryAfterMs = 0 } = error
  if (retryAfterMs > MAX_RETRY_AFTER_MS) return undefined
  const backoff = Math.min(MAX_DELAY_MS, baseMs * 2 ** (attempt - 1))
  return Math.max(retryAfterMs, backoff * (0.5 + random / 2))
}

/** Does `work` until it succeeds, fails for good, or was tried often enough; the last time it is told so. */
export const withRetries = async <T>(
  work: (isLast: boolean) => Promise<T>,
  patience: Patience,
  { signal, onRetry }: { signal: AbortSignal; onRetry: (error: unknown, delayMs: number) => void }
): Promise<T> => {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work(attempt >= patience.attempts)
    } catch (thrown) {
      const delayMs = retryDelayMs(thrown, attempt, patience, Math.random())
      if (delayMs === undefined || signal.aborted) throw thrown
      onRetry(thrown, delayMs)
      await sleep(delayMs, undefined, { signal }).catch(() => {
        throw thrown // time is over; what was waited for says more than that
      })
    }
  }
}
