import { setTimeout as sleep } from 'node:timers/promises'
import { applyTopology } from '@sluice/shared/broker'
import { createLogger } from '@sluice/shared/log'
import { waitFor } from '../support/process.ts'
import type { Scene } from './_worker-fault.ts'

/** What RabbitMQ itself says of workers: their consumers, their connections. */

const silent = createLogger({ service: 'drill', level: 'silent' })
/** A second consumer would show up when the connection that was given up for dead answers after all. */
const SECOND_LOOK_MS = 2_000
/** They wait up to 15 s between two attempts, and on a machine that does everything at once one takes its time. */
const BACK_WITHIN_MS = 180_000

/** Every worker consumes every lane again, once, and it stays like that. `after` tells several looks apart. */
export const consumersAreBack = async (
  { shop, drill }: Scene,
  { workers = 2, after }: { workers?: number; after?: string } = {}
): Promise<boolean> => {
  const { webhook, feed, quarantine, dead } = shop.broker.topology.queues
  const counts = (): Promise<number[]> =>
    Promise.all([webhook, feed, quarantine, dead].map((queue) => shop.broker.consumers(queue)))
  const areBack = async (): Promise<boolean> => (await counts()).every((count) => count === workers)
  const options = { timeoutMs: BACK_WITHIN_MS, everyMs: 250 }
  await waitFor('every worker to consume again, once', areBack, options).catch(() => undefined) // shown below
  await sleep(SECOND_LOOK_MS)
  const found = await counts().catch((error: unknown) => [String(error)])
  const isOnce = found.every((count) => count === workers)
  const what = 'each worker consumes each lane once'
  drill.held(after === undefined ? what : `${after}: ${what}`, isOnce, found.join(' '))
  return isOnce
}

/** As an operator does: `sluice topology apply`. */
export const applyAgain = ({ shop, rabbit }: Scene): Promise<void> =>
  applyTopology({ url: rabbit.url, topology: shop.broker.topology, log: silent })

/** How often RabbitMQ has logged this, once it is `least` times or will not be: it writes later than it acts. */
export const logged = async ({ rabbit }: Scene, words: string, least: number): Promise<number> => {
  const count = async (): Promise<number> => (await rabbit.log()).split(words).length - 1
  await waitFor(words, async () => (await count()) >= least, { timeoutMs: 5_000 }).catch(() => undefined)
  return await count()
}

const guest = { authorization: `Basic ${btoa('guest:guest')}` }

interface Connection {
  /** As the HTTP API calls it. */
  name: string
  /** As its owner does: `worker.consume`. */
  role: string
  channels: number
}

/** By way of the HTTP API, which hears of a new one only after some seconds. */
export const connections = async (managementUrl: string): Promise<Connection[]> => {
  const answer = await fetch(`${managementUrl}/api/connections`, { headers: guest })
  const all = (await answer.json()) as {
    name: string
    client_properties?: { connection_name?: string }
    channels?: number
  }[]
  return all.map(({ name, client_properties: { connection_name: role = '' } = {}, channels = 0 }) => ({
    name,
    role,
    channels
  }))
}

/** As the management UI does when an operator presses "force close". */
export const closeConnection = async (managementUrl: string, name: string): Promise<void> => {
  await fetch(`${managementUrl}/api/connections/${encodeURIComponent(name)}`, {
    method: 'DELETE',
    headers: guest
  })
}

/** A queue as the HTTP API sees it, which alone knows what is on its way into at-least-once dead-lettering. */
export const queueFigures = async (
  managementUrl: string,
  queue: string
): Promise<{ messages: number; deadLettering: number }> => {
  const answer = await fetch(`${managementUrl}/api/queues/%2F/${encodeURIComponent(queue)}`, {
    headers: guest
  })
  const { messages = 0, messages_dlx: deadLettering = 0 } = (await answer.json()) as {
    messages?: number
    messages_dlx?: number
  }
  return { messages, deadLettering }
}
