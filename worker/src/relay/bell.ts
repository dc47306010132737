/** Wakes one who waits. A ring nobody waits for is kept for the next. */
export interface Bell {
  ring: () => void
  /** Until it rings, the time is over or the signal fires. */
  wait: (ms: number, signal: AbortSignal) => Promise<void>
}

export const createBell = (): Bell => {
  let hasRung = false
  let wake: (() => void) | undefined
  return {
    ring: () => {
      hasRung = true
      wake?.()
    },
    wait: async (ms, signal) => {
      if (!hasRung && !signal.aborted) {
        const woken = Promise.withResolvers<void>()
        wake = () => woken.resolve()
        const timer = setTimeout(wake, ms)
        signal.addEventListener('abort', wake)
        await woken.promise
        clearTimeout(timer)
        signal.removeEventListener('abort', wake)
        wake = undefined
      }
      hasRung = false
    }
  }
}
