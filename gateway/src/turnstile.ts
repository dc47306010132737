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
  /**
   * What each has brought and has not begun, for as long as there is who brings it. A map of those in line would be made anew
   * all the time, and in V8 each of its tables leads to the next: dead ones kept requests in memory, 200 MB of them in a flood.
   */
  const pilesOf = new WeakMap<object, (() => void)[]>()
  /** Those that are not empty, by whose turn it is next. */
  const line: (() => void)[][] = []
  let waiting = 0
  let left = aTurn
  let isTurning = false

  const pileOf = (who: object): (() => void)[] => {
    let pile = pilesOf.get(who)
    if (pile === undefined) {
      pile = []
      pilesOf.set(who, pile)
    }
    return pile
  }

  const takeNext = (): (() => void) | undefined => {
    const pile = line.shift()
    const begin = pile?.shift()
    if (pile === undefined || begin === undefined) return undefined
    if (pile.length > 0) line.push(pile)
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
      const pile = pileOf(who)
      if (pile.length === 0) line.push(pile)
      else if (waiting >= mostWaiting) return false
      pile.push(begin)
      waiting += 1
      return true
    },
    get waiting() {
      return waiting
    }
  }
}
