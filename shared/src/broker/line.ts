import { toError } from '../errors.ts'
import { notSent, type PublishError } from './publish-error.ts'

/** The messages that wait for room. First come, first served: nobody is sent past one who stands here. */
export interface Line {
  readonly length: number
  /**
   * Stands in line until the message is sent, then until it is answered.
   * @throws PublishError when there is no more room to wait, it took too long, or the line was dissolved
   */
  join: (turn: Turn) => Promise<void>
  /** Something moved: whoever is first goes, as long as there is room. */
  advance: () => void
  /** Nobody will be sent any more: neither who waits nor who still comes. */
  dissolve: () => void
}

export interface Turn {
  /** Sends the message; undefined when there was no sending after all, and it stays first in line. */
  send: () => Promise<void> | undefined
  /** For no longer than this. */
  waitMs?: number | undefined
  /** Ends the wait. */
  signal?: AbortSignal | undefined
}

export interface LineOptions {
  maxWaiting: number
  hasRoom: () => boolean
  /** Why whoever waits is not sent now. */
  whyNot: () => PublishError
}

/** Somebody in line; `start` sends, and is false when there was no sending after all. */
interface Waiter {
  start: () => boolean
  giveUp: () => void
}

export const createLine = ({ maxWaiting, hasRoom, whyNot }: LineOptions): Line => {
  const waiting: Waiter[] = []
  let isDissolved = false

  const advance = (): void => {
    while (waiting.length > 0 && hasRoom()) {
      const first = waiting.shift()
      if (first?.start() === false) waiting.unshift(first)
    }
  }

  const stand = ({ send, waitMs, signal }: Turn): Promise<void> =>
    new Promise((resolve, reject) => {
      const stopWaiting = (): void => {
        clearTimeout(timer)
        signal?.removeEventListener('abort', onAbort)
      }
      const waiter: Waiter = {
        start: () => {
          try {
            const sent = send()
            if (sent === undefined) return false
            resolve(sent)
          } catch (thrown) {
            reject(toError(thrown))
          }
          stopWaiting()
          return true
        },
        giveUp: () => {
          stopWaiting()
          reject(notSent('down'))
        }
      }
      const leave = (why: Error): void => {
        stopWaiting()
        waiting.splice(waiting.indexOf(waiter), 1)
        reject(why)
      }
      const onAbort = (): void => leave(toError(signal?.reason))
      const onLate = (): void => leave(whyNot())
      const timer = waitMs === undefined ? undefined : setTimeout(onLate, waitMs)
      signal?.addEventListener('abort', onAbort, { once: true })
      waiting.push(waiter)
      advance()
    })

  return {
    get length() {
      return waiting.length
    },
    join: async (turn) => {
      if (isDissolved) throw notSent('down')
      if (waiting.length >= maxWaiting) throw notSent('saturated')
      return stand(turn)
    },
    advance,
    dissolve: () => {
      isDissolved = true
      for (const waiter of waiting.splice(0)) waiter.giveUp()
    }
  }
}
