import { setTimeout as sleep } from 'node:timers/promises'
import { PublishError, type Publisher } from '@sluice/shared/broker'
import type { OutgoingMessage } from '@sluice/shared/envelope'

/** A sender that never gives up a message, and keeps every message the broker has confirmed. */
export interface SteadyLoad {
  readonly confirmed: readonly OutgoingMessage[]
  /** Publishes that had to be repeated: an outage of the broker leaves its trace here. */
  readonly repeated: number
  /** Those of them that no queue took. */
  readonly returned: number
  /** Those of them that a full queue refused. */
  readonly refused: number
  /** Messages that were begun and are not confirmed yet. */
  readonly underway: number
  /** Resolves once `count` messages are confirmed. */
  reached: (count: number) => Promise<void>
  /** Begins no more for now; resolves when everything that was begun is confirmed. */
  pause: () => Promise<void>
  resume: () => void
  /** Sends no more; resolves when everything that was begun is confirmed. */
  end: () => Promise<void>
}

export interface SteadyLoadOptions {
  perSecond: number
  /** Believes that what was handed over has arrived: how a drill sees whether it would be missed. */
  isCredulous?: boolean
}

const TICK_MS = 20
const PAUSE_MS = 200
/** A sender that waits for so many confirms begins no more: repeating them all would be the load. */
const MOST_UNDERWAY = 1_000

export const startLoad = (
  publisher: Publisher,
  messages: Iterator<OutgoingMessage, never>,
  { perSecond, isCredulous = false }: SteadyLoadOptions
): SteadyLoad => {
  const confirmed: OutgoingMessage[] = []
  const underway = new Set<Promise<void>>()
  const over = new AbortController()
  let repeated = 0
  let returned = 0
  let refused = 0
  let isPaused = false

  const sendUntilConfirmed = async (message: OutgoingMessage): Promise<void> => {
    for (;;) {
      try {
        await publisher.publish(message, { wait: true })
        break
      } catch (thrown) {
        if (!(thrown instanceof PublishError)) throw thrown
        repeated += 1
        if (thrown.code === 'PUBLISH_RETURNED') returned += 1
        if (thrown.code === 'PUBLISH_NACKED') refused += 1
        if (isCredulous) break
        await sleep(PAUSE_MS)
      }
    }
    confirmed.push(message)
  }
  const run = async (): Promise<void> => {
    let startedAt = performance.now()
    for (let begun = 0; !over.signal.aborted; await sleep(TICK_MS)) {
      const due = Math.floor(((performance.now() - startedAt) / 1_000) * perSecond)
      if (isPaused || underway.size >= MOST_UNDERWAY) {
        startedAt += ((due - begun) * 1_000) / perSecond
        continue
      }
      for (; begun < due; begun += 1) {
        const one: Promise<void> = sendUntilConfirmed(messages.next().value).finally(() =>
          underway.delete(one)
        )
        underway.add(one)
      }
    }
  }
  const running = run()

  return {
    confirmed,
    get repeated() {
      return repeated
    },
    get returned() {
      return returned
    },
    get refused() {
      return refused
    },
    get underway() {
      return underway.size
    },
    reached: async (count) => {
      while (confirmed.length < count) await Promise.race([sleep(TICK_MS), running])
    },
    pause: async () => {
      isPaused = true
      await Promise.all(underway)
    },
    resume: () => {
      isPaused = false
    },
    end: async () => {
      over.abort()
      await running
      await Promise.all(underway)
    }
  }
}
