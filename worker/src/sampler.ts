/**
 * Lets one log line a key through in `everyMs`; the next one that passes is told how many were swallowed.
 * Returns `undefined` for a line to swallow.
 */
export type Sampler = (key: string) => number | undefined

const MAX_KEYS = 500

export const createSampler = (everyMs: number, now: () => number = Date.now): Sampler => {
  const keys = new Map<string, { until: number; swallowed: number }>()
  return (key) => {
    const seen = keys.get(key)
    if (seen !== undefined && now() < seen.until) {
      seen.swallowed += 1
      return undefined
    }
    if (keys.size >= MAX_KEYS) keys.clear()
    keys.set(key, { until: now() + everyMs, swallowed: 0 })
    return seen?.swallowed ?? 0
  }
}
