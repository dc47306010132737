/**
 * Lets so many log lines a key through at once, then one in `everyMs`; the next one that passes is told how many were
 * swallowed. Returns `undefined` for a line to swallow.
 */
export type Sampler = (key: string) => number | undefined

export interface SamplerOptions {
  everyMs: number
  burst?: number
  now?: () => number
}

const MAX_KEYS = 500

export const createSampler = ({
  everyMs,
  burst = 1,
  now = () => performance.now()
}: SamplerOptions): Sampler => {
  const keys = new Map<string, { room: number; at: number; swallowed: number }>()
  return (key) => {
    const at = now()
    const seen = keys.get(key)
    const room = seen === undefined ? burst : Math.min(burst, seen.room + (at - seen.at) / everyMs)
    if (seen !== undefined && room < 1) {
      seen.swallowed += 1
      return undefined
    }
    if (keys.size >= MAX_KEYS) keys.clear()
    keys.set(key, { room: room - 1, at, swallowed: 0 })
    return seen?.swallowed ?? 0
  }
}
