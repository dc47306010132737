import type { Channel, ConsumeMessage } from 'amqplib'
import { bounded } from '../bounded.ts'
import { describe, type Delivery, type Verb } from './delivery.ts'

/** The deliveries of one channel that are not settled yet. They can only be settled on that channel. */
export interface Hand {
  readonly channel: Channel
  /** What is not settled; a hand that is lost keeps its count. */
  readonly size: number
  readonly isLost: boolean
  take: (message: ConsumeMessage) => Delivery
  /** The channel is gone, and every delivery with it. */
  lose: () => void
  /** From now on keeps acknowledgements back for `flush`; else those of one turn are sent together at its end. */
  collect: () => void
  /** Sends the acknowledgements kept back, in one command as far as they are the oldest in hand. */
  flush: () => void
  /** Waits until the hand is empty, or the time is over. */
  whenEmpty: (timeoutMs: number) => Promise<void>
}

export const createHand = (channel: Channel): Hand => {
  const unsettled = new Map<Delivery, ConsumeMessage>()
  const collected: ConsumeMessage[] = []
  const empty: (() => void)[] = []
  let isCollecting = false
  let isLost = false

  const tellEmpty = (): void => {
    for (const tell of empty.splice(0)) tell()
  }

  const answer = (message: ConsumeMessage, verb: Verb): void => {
    if (verb !== 'ack') return channel.nack(message, false, verb === 'requeue')
    collected.push(message)
    if (collected.length > 1 || isCollecting) return
    queueMicrotask(() => {
      if (!isCollecting && !isLost) flush()
    })
  }

  const flush = (): void => {
    const oldest = Math.min(...[...unsettled.values()].map(tagOf))
    const ready = collected.splice(0).toSorted((a, b) => tagOf(a) - tagOf(b))
    const before = ready.filter((message) => tagOf(message) < oldest)
    const last = before.at(-1)
    try {
      if (last !== undefined) channel.ack(last, before.length > 1)
      for (const message of ready.slice(before.length)) channel.ack(message)
    } catch {
      // The connection is closing: the broker delivers them again.
    }
  }

  const take = (message: ConsumeMessage): Delivery => {
    const delivery: Delivery = {
      ...describe(message),
      get isLost() {
        return isLost && unsettled.has(delivery)
      },
      settle: (verb) => {
        if (isLost || !unsettled.has(delivery)) return false
        try {
          answer(message, verb)
        } catch {
          return false // the connection is closing: the broker delivers it again
        }
        unsettled.delete(delivery)
        if (unsettled.size === 0) tellEmpty()
        return true
      }
    }
    unsettled.set(delivery, message)
    return delivery
  }

  return {
    channel,
    get size() {
      return unsettled.size
    },
    get isLost() {
      return isLost
    },
    take,
    lose: () => {
      isLost = true
      tellEmpty()
    },
    collect: () => {
      isCollecting = true
    },
    flush,
    whenEmpty: async (timeoutMs) => {
      if (isLost || unsettled.size === 0) return
      const emptied = new Promise<void>((resolve) => empty.push(resolve))
      await bounded(emptied, timeoutMs, 'emptying the hand').catch(() => undefined) // time is over
    }
  }
}

const tagOf = ({ fields }: ConsumeMessage): number => fields.deliveryTag
