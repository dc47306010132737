/**
 * Opens when the broker took a message and did not answer in time: until it answers again, requests are refused at
 * once instead of waiting each for its own deadline. One request at a time is let through to find out.
 */
export interface Breaker {
  /** Whether to try; `false`: refuse at once. While open, one caller every `probeEveryMs` gets `true`. */
  admit: () => boolean
  /** The broker answered, whatever it said. */
  answered: () => void
  /** The broker did not answer in time. */
  silent: () => void
  readonly isOpen: boolean
}

const PROBE_EVERY_MS = 1_000

export const createBreaker = ({
  probeEveryMs = PROBE_EVERY_MS,
  now = Date.now
}: { probeEveryMs?: number; now?: () => number } = {}): Breaker => {
  let probeAt: number | undefined

  return {
    admit: () => {
      if (probeAt === undefined) return true
      if (now() < probeAt) return false
      probeAt = now() + probeEveryMs
      return true
    },
    answered: () => {
      probeAt = undefined
    },
    silent: () => {
      probeAt = now() + probeEveryMs
    },
    get isOpen() {
      return probeAt !== undefined
    }
  }
}
