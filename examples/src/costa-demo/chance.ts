/** Chance that always falls the same way: the demo data must be the same on every machine and every day. */
export interface Chance {
  /** From 0 up to, not including, 1. */
  next: () => number
  /** A whole number from `low` to `high`, both included. */
  between: (low: number, high: number) => number
  oneOf: <T>(values: readonly T[]) => T
  /** `count` different values, in their own order. */
  some: <T>(values: readonly T[], count: number) => T[]
  /** True with probability `share`. */
  happens: (share: number) => boolean
}

/** mulberry32: 32 bits of state, good enough for scenery. */
export const createChance = (seed: number): Chance => {
  let state = seed >>> 0
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
  const between = (low: number, high: number): number => low + Math.floor(next() * (high - low + 1))
  const oneOf = <T>(values: readonly T[]): T => {
    const value = values[between(0, values.length - 1)]
    if (value === undefined) throw new RangeError('nothing to choose from')
    return value
  }
  const some = <T>(values: readonly T[], count: number): T[] => {
    const order = values.map((_, index) => ({ index, weight: next() }))
    const chosen = order.toSorted((a, b) => a.weight - b.weight).slice(0, count)
    return chosen.toSorted((a, b) => a.index - b.index).flatMap(({ index }) => values.slice(index, index + 1))
  }
  return { next, between, oneOf, some, happens: (share) => next() < share }
}
