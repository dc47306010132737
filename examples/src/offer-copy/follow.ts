import type { Sql } from '@sluice/prisma/client'
import { readChanges } from '@sluice/prisma/tables/offer-changes'
import { applyTopology, createConsumer, createSession, type Delivery } from '@sluice/shared/broker'
import type { Stopper } from '@sluice/shared/lifecycle'
import type { Logger } from '@sluice/shared/log'
import { fromOfferMessage, type OfferChange, type WholeOfferChange } from '@sluice/shared/offer-change'
import { createTopology } from '@sluice/shared/topology'
import { applyChange, type OfferCopy } from './copy.ts'

export interface FollowOptions {
  rabbitUrl: string
  namespace: string
  /** Name of our own queue, without the namespace. */
  queue: string
  sql: Sql
  copy: OfferCopy
  /** Makes what was applied durable. */
  save: (copy: OfferCopy) => Promise<void>
  /** It cannot go on: the process ends, and the next one begins where the last save was. */
  onError: (error: unknown) => void
  log: Logger
}

const PAGE = 500
const PREFETCH = 200

/**
 * Keeps a copy in step with the stream out: declare the queue, read by `seq` up to now, then take from the queue. In
 * this order nothing falls between the two, and it is the same at the first start, after a crash and after a month.
 */
export const followOffers = async (options: FollowOptions): Promise<Stopper[]> => {
  const { rabbitUrl, namespace, queue, sql, copy, save, onError, log } = options
  const topology = createTopology(namespace)
  const name = `${namespace}.${queue}`

  /** Everything from our place to the end of the stream. */
  const catchUp = async (): Promise<void> => {
    for (;;) {
      const changes = await readChanges(sql, { after: copy.position, limit: PAGE })
      if (changes.length === 0) return
      for (const change of changes) applyChange(copy, change)
      await save(copy)
      log.info({ changes: changes.length, position: copy.position }, 'caught up')
    }
  }

  /** Applies what came, makes it durable, and only then tells the broker. */
  const take = async (deliveries: readonly Delivery[]): Promise<void> => {
    const changes = deliveries.map(fromOfferMessage)
    if (changes.every(isWhole) && followsOn(changes, copy.position)) {
      for (const change of changes) applyChange(copy, change)
      await save(copy)
    } else {
      await catchUp() // something is missing here, and nothing is missing there
    }
    for (const delivery of deliveries) delivery.settle('ack')
    log.info({ changes: changes.length, position: copy.position }, 'changes applied')
  }

  await applyTopology({
    url: rabbitUrl,
    topology: {
      ...topology,
      exchangeSpecs: [],
      // Without a bound, and in any case without `reject-publish`: that would stop the stream for everybody.
      queueSpecs: [{ name, arguments: { 'x-queue-type': 'quorum' } }],
      bindingSpecs: [{ queue: name, exchange: topology.exchanges.offers, routingKey: '#' }]
    },
    log
  })
  await catchUp()

  const session = createSession({ url: rabbitUrl, name, log })
  session.onFailed(onError)
  const waiting: Delivery[] = []
  let working: Promise<void> | undefined
  const work = async (): Promise<void> => {
    while (waiting.length > 0) await take(waiting.splice(0))
  }
  const consumer = createConsumer(session, {
    queue: name,
    prefetch: PREFETCH,
    log,
    onDelivery: (delivery) => {
      waiting.push(delivery)
      // What arrives while one batch is saved is the next batch.
      working ??= work()
        .catch(onError)
        .finally(() => {
          working = undefined
        })
    }
  })
  session.start()
  return [
    { name: 'queue', stop: () => consumer.drain(5_000) },
    { name: 'broker', stop: () => session.close() }
  ]
}

const isWhole = (change: OfferChange): change is WholeOfferChange => change.units !== undefined

/** Whether these leave no place of the stream out; those we have already may be among them. */
const followsOn = (changes: readonly OfferChange[], position: number): boolean => {
  let reached = position
  for (const { seq } of changes) {
    if (seq > reached + 1) return false
    reached = Math.max(reached, seq)
  }
  return true
}
