/**
 * Lets work begin in the order it came, so much a turn of the event loop. A turn takes in what has arrived on every
 * connection, and whoever is already in hand goes on only in the next: with Redis and the broker to ask that is four
 * turns, so a flood that makes each turn long would use up the time of those who were let in before it.
 */
export type Turnstile = (begin: () => void) => void

/** @param aTurn how many begin in one turn */
export const createTurnstile = (aTurn: number): Turnstile => {
  let waiting: (() => void)[] = []
  let left = aTurn
  let isTurning = false

  const next = (): void => {
    const now = waiting.splice(0, aTurn)
    left = aTurn - now.length
    isTurning = now.length > 0
    if (isTurning) setImmediate(next)
    for (const begin of now) begin()
  }

  return (begin) => {
    if (!isTurning) {
      isTurning = true
      setImmediate(next)
    }
    if (left > 0 && waiting.length === 0) {
      left -= 1
      begin()
    } else waiting.push(begin)
  }
}
