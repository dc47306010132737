import type { QuickRedis } from '../quick-redis.ts'
import { createTogether } from '../together.ts'

/** What has been counted under a key since its window began, this request included. */
export interface Count {
  current: number
  /** Milliseconds until the window ends. */
  ttl: number
}

/** Counts one request; `undefined` when Redis did not say in time. Requests of one turn are counted in one call. */
export type CountRequest = (key: string) => Promise<Count | undefined>

/** Arguments: the window, then how many requests to count for each key. A key without an end is given one. */
const COUNT = `
local counts = {}
for place, key in ipairs(KEYS) do
  local current = redis.call('INCRBY', key, ARGV[place + 1])
  local ttl = redis.call('PTTL', key)
  if ttl < 0 then
    ttl = tonumber(ARGV[1])
    redis.call('PEXPIRE', key, ttl)
  end
  counts[place] = {current, ttl}
end
return counts`

export const createCount = (redis: Pick<QuickRedis, 'ask'>, windowMs: number): CountRequest =>
  createTogether(async (keys: readonly string[]): Promise<(Count | undefined)[]> => {
    const requests = Map.groupBy(keys, (key) => key)
    const numbers = [...requests.values()].map(({ length }) => length)
    const counted = await redis.ask(
      'rate_limit',
      (client) => client.eval(COUNT, requests.size, ...requests.keys(), windowMs, ...numbers),
      keys.length
    )
    if (counted === undefined) return []
    const rows = counted as readonly (readonly [current: number, ttl: number])[]
    const answers = new Map<string, Count>()
    for (const [place, key] of [...requests.keys()].entries()) {
      const [current, ttl] = rows[place] ?? [0, 0]
      answers.set(key, { current: current - (numbers[place] ?? 0), ttl })
    }
    // Each is told its own place among those it was counted with.
    return keys.map((key) => {
      const { current, ttl } = answers.get(key) ?? { current: 0, ttl: 0 }
      const mine = { current: current + 1, ttl }
      answers.set(key, mine)
      return mine
    })
  })
