/**
 * Lets work begin so much a turn of the event loop, one piece of everybody's after the other. A turn takes in what has
 * arrived on every connection, and whoever is already in hand goes on only in the next: with Redis and the broker to ask
 * that is four turns, so a flood that makes each turn long would use up the time of those who were let in before it.
 */
export interface Turnstile {
  /**
   * Calls `begin` at once or when it is its turn. Who brings one at a time is always taken, and waits for one of each
   * other, however many those brought.
   *
   * @returns false when the line is too long for another one of `who`: `begin` is never called then
   */
  enter: (who: object, begin: () => void) => boolean
  readonly waiting: number
}

export interface TurnstileOptions {
  /** How many begin in one turn. */
  aTurn: number
  /** How many may stand in line before only who has none there is taken. */
  mostWaiting: number
}

export const createTurnstile = ({ aTurn, mostWaiting }: TurnstileOptions): Turnstile => {
  /** By whose turn it is next. */
  const line = new Map<object, (() => void)[]>()
  let waiting = 0
  let left = aTurn
  let isTurning = false

  const takeNext = (): (() => void) | undefined => {
    const [first] = line
    if (first === undefined) return undefined
    const [who, his] = first
    const begin = his.shift()
    line.delete(who)
    if (his.length > 0) line.set(who, his)
    waiting -= 1
    return begin
  }

  const endTurn = (): void => {
    const next: (() => void)[] = []
    while (next.length < left) {
      const begin = takeNext()
      if (begin === undefined) break
      next.push(begin)
    }
    isTurning = next.length > 0 || left < aTurn
    left = aTurn
    if (isTurning) setImmediate(endTurn)
    for (const begin of next) begin()
  }

  return {
    enter: (who, begin) => {
      if (!isTurning) {
        isTurning = true
        setImmediate(endTurn)
      }
      if (left > 0 && waiting === 0) {
        left -= 1
        begin()
        return true
      }
      const his = line.get(who)
      if (his === undefined) line.set(who, [begin])
      else if (waiting < mostWaiting) his.push(begin)
      else return false
      waiting += 1
      return true
    },
    get waiting() {
      return waiting
    }
  }
}
