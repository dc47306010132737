import { setTimeout as sleep } from 'node:timers/promises'
import type { OutgoingMessage } from '@sluice/shared/envelope'
import { waitFor } from '../support/process.ts'
import { flat, type Workshop } from '../support/workshop.ts'

/** Webhooks of its own at a steady rate, each with a place of its own, and how long each takes from sent to committed. */
export interface Stopwatch {
  /** Sends no more, and waits until all are committed; one that is not in time took for ever. */
  end: (timeoutMs?: number) => Promise<{ sent: readonly OutgoingMessage[]; tookMs: readonly number[] }>
}

export interface StopwatchOptions {
  perSecond: number
  /** Of its offers and messages: two in one drill need two. */
  name?: string
  /** Lets them stand in line behind the feed: how a drill sees whether lanes of their own would be missed. */
  isOneLane?: boolean
}

const LOOK_EVERY_MS = 20

export const startStopwatch = (
  shop: Workshop,
  { perSecond, name: prefix = 'watched', isOneLane = false }: StopwatchOptions
): Stopwatch => {
  const over = new AbortController()
  const sent: OutgoingMessage[] = []
  const open = new Map<string, number>()
  const tookMs: number[] = []

  const send = async (): Promise<void> => {
    const name = `${prefix}-${sent.length}`
    const record = { ...flat(name), location: { country: 'Spain', city: `Town ${name}` } }
    const message = shop.hook(`${name}.0`, record, 10)
    if (isOneLane) message.routingKey = 'feed.crm'
    sent.push(message)
    open.set(`${name}.0`, performance.now())
    await shop.send(message)
  }
  const sending = async (): Promise<void> => {
    const startedAt = performance.now()
    while (!over.signal.aborted) {
      const due = ((performance.now() - startedAt) / 1_000) * perSecond
      await (sent.length < due ? send() : sleep(5))
    }
  }
  const look = async (): Promise<boolean> => {
    if (open.size === 0) return true
    const ids = [...open.keys()].map((id) => `'${id}'`).join(',')
    const rows = await shop.query<{ id: string }>(
      `SELECT message_id AS id FROM deliveries WHERE message_id IN (${ids})`
    )
    const now = performance.now()
    for (const { id } of rows) {
      tookMs.push(now - (open.get(id) ?? now))
      open.delete(id)
    }
    return open.size === 0
  }
  const watching = async (): Promise<void> => {
    for (; !over.signal.aborted; await sleep(LOOK_EVERY_MS)) await look()
  }
  const running = Promise.all([sending(), watching()])

  return {
    end: async (timeoutMs = 30_000) => {
      over.abort()
      await running
      await waitFor('the last of them', look, { timeoutMs, everyMs: LOOK_EVERY_MS }).catch(() => undefined)
      return { sent, tookMs: [...tookMs, ...[...open].map(() => Infinity)] }
    }
  }
}
