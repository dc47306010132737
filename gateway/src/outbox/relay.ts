import { setTimeout as sleep } from 'node:timers/promises'
import type { Db } from '@sluice/prisma/client'
import { insertDeadLetters } from '@sluice/prisma/tables/dead-letters'
import { deleteOutbox, lockOutbox, outboxSources, type OutboxRow } from '@sluice/prisma/tables/outbox'
import { PublishError, type Publisher } from '@sluice/shared/broker'
import type { OutgoingMessage } from '@sluice/shared/envelope'
import { DependencyError, toError } from '@sluice/shared/errors'
import type { Logger } from '@sluice/shared/log'
import type { Reporter } from '@sluice/shared/sentry'
import type { Breaker } from '../breaker.ts'
import { CONFIRM_MS } from '../limits.ts'
import { createPublish, type Unconfirmed } from '../publish.ts'
import { inTurn } from './batches.ts'
import { MAX_ROWS, nextPace } from './pace.ts'
import { toDeadLetter } from './unpublishable.ts'

/**
 * Publishes what waits in the outbox, as soon as the broker takes it. One runs in every gateway; a row is locked
 * while it is published, so that no two relays publish it at once, and deleted only when the broker has confirmed it:
 * whoever dies in between leaves a row that is published a second time, which the merge makes harmless.
 */
export interface Relay {
  start: () => void
  /** Finishes the batch under way; what is left waits for another relay, or the next start. */
  stop: () => Promise<void>
}

export interface RelayDeps {
  db: Pick<Db, 'sql' | 'transaction'>
  publisher: Pick<Publisher, 'publish' | 'status'>
  breaker: Breaker
  /** Name of the records exchange. */
  exchange: string
  log: Logger
  reporter: Pick<Reporter, 'captureError'>
  everyMs?: number
  /** How long the broker may take to confirm a batch. */
  confirmMs?: number
}

/** How often the outbox is looked at while there is nothing to do. */
const EVERY_MS = 1_000
/** Twice as long after each time that nothing was relayed, up to this. */
const MAX_BACKOFF_MS = 5_000
const MAX_BYTES = 4 * 1024 * 1024
/**
 * Longer than any request may wait: nobody waits for the relay, and what it gives up on too early is published again
 * and again. Together with the room less than Postgres lets the transaction stand idle (`IDLE_TRANSACTION_MS`).
 */
const RELAY_CONFIRM_MS = 4_000
const ROOM_MS = 500

export const createRelay = ({
  db,
  publisher,
  breaker,
  exchange,
  log,
  reporter,
  everyMs = EVERY_MS,
  confirmMs = RELAY_CONFIRM_MS
}: RelayDeps): Relay => {
  const publish = createPublish({ publisher, breaker: listener(breaker), confirmMs })
  const stopping = new AbortController()
  const { signal } = stopping
  let running: Promise<void> = Promise.resolve()
  let lastServed = 0
  let pace = MAX_ROWS

  /** One batch of one source, in one transaction; the outage, if any, that kept some of it. */
  const relayBatch = (sourceId: number): Promise<Batch> =>
    db.transaction(async (tx) => {
      const rows = await lockOutbox(tx, sourceId, { maxRows: pace, maxBytes: MAX_BYTES })
      if (rows.length === 0) return { relayed: 0, moved: 0 }
      const unconfirmed = await publish(toMessages(rows, exchange), confirmMs + ROOM_MS)
      const silent = unconfirmed.filter(isSilence).length
      pace = nextPace(pace, { confirmed: rows.length - unconfirmed.length, silent })
      const failed = new Map(unconfirmed.map(({ index, error }) => [index, error]))
      const hopeless = rows.flatMap((row, index) => {
        const error = failed.get(index)
        return error === undefined || isOutage(error) ? [] : [{ row, error }]
      })
      await insertDeadLetters(
        tx,
        hopeless.map(({ row, error }) => toDeadLetter(row, error))
      )
      const relayed = rows.filter((_, index) => !failed.has(index))
      await deleteOutbox(
        tx,
        [...relayed, ...hopeless.map(({ row }) => row)].map(({ id }) => id)
      )
      for (const { row, error } of hopeless) report(error, row)
      return {
        relayed: relayed.length,
        moved: relayed.length + hopeless.length,
        outage: [...failed.values()].find(isOutage)
      }
    })

  /** A row that can never be published goes to the dead letters, and keeps no other from being published. */
  const report = (error: Error, { messageId, sourceId }: OutboxRow): void => {
    const about = { messageId, sourceId }
    log.error({ err: error, ...about }, 'outbox row cannot be published, it is a dead letter now')
    reporter.captureError(error, about)
  }

  /**
   * A batch of each source in turn, until nothing moves any more. Sources are asked for every round, so that one that
   * is paused meanwhile rests from the next round on; and after an outage, which ends it, the next source is first, not
   * the same again.
   * @throws what Postgres throws
   */
  const drain = async (): Promise<Batch> => {
    if (breaker.isOpen) pace = 1 // a broker that did not answer lately is asked with one row
    const startedAt = performance.now()
    let relayed = 0
    let moved = 0
    try {
      for (let before = -1; before < moved;) {
        before = moved
        for (const sourceId of inTurn(await outboxSources(db.sql), lastServed)) {
          if (signal.aborted) return { relayed, moved }
          lastServed = sourceId
          const batch = await relayBatch(sourceId)
          relayed += batch.relayed
          moved += batch.moved
          if (batch.outage !== undefined) return { relayed, moved, outage: batch.outage }
        }
      }
      return { relayed, moved }
    } finally {
      const durationMs = Math.round(performance.now() - startedAt)
      if (relayed > 0) log.info({ relayed, durationMs }, 'outbox relayed')
    }
  }

  const run = async (): Promise<void> => {
    let waitMs = everyMs
    let isTroubled = false
    while (!signal.aborted) {
      const { relayed, outage } = isReachable(publisher) ? await drain().catch(toOutage) : NOTHING
      if (outage !== undefined && !isTroubled) {
        log.warn({ err: outage }, 'outbox could not be relayed, trying again')
      }
      if (outage !== undefined && !isOutage(outage)) reporter.captureError(outage)
      isTroubled = outage !== undefined
      // As long as some of it goes, the rest need not wait longer.
      waitMs = isTroubled && relayed === 0 ? Math.min(Math.max(everyMs, MAX_BACKOFF_MS), waitMs * 2) : everyMs
      // Not in step with the other replicas.
      await sleep(waitMs * (0.75 + Math.random() / 2), undefined, { signal }).catch(() => undefined)
    }
  }

  return {
    start: () => {
      running = run()
    },
    stop: async () => {
      stopping.abort()
      await running
    }
  }
}

/** What became of one, or of several together. */
interface Batch {
  relayed: number
  /** With those that went to the dead letters. */
  moved: number
  outage?: Error | undefined
}

const NOTHING: Batch = { relayed: 0, moved: 0 }

const toOutage = (thrown: unknown): Batch => ({ ...NOTHING, outage: toError(thrown) })

/**
 * What the relay tells of the broker to those who answer requests, and only if it is true for them as well: a broker
 * that answers too late for a request does answer the relay. It asks no leave itself; its pace keeps it from pushing.
 */
const listener = (breaker: Breaker): Breaker => {
  let askedAt = 0
  return {
    admit: () => {
      askedAt = performance.now()
      return true
    },
    answered: () => {
      if (performance.now() - askedAt <= CONFIRM_MS) breaker.answered()
    },
    silent: () => breaker.silent(),
    get isOpen() {
      return breaker.isOpen
    }
  }
}

const isReachable = ({ status }: Pick<Publisher, 'status'>): boolean =>
  status === 'ready' || status === 'saturated'

const isSilence = ({ error }: Unconfirmed): boolean => error instanceof PublishError && error.sent

/** Anything else is a bug, or a row that cannot be published at all. */
const isOutage = (error: Error): boolean => error instanceof DependencyError

const toMessages = (rows: readonly OutboxRow[], exchange: string): OutgoingMessage[] =>
  rows.map(({ routingKey, properties, body }) => ({
    exchange,
    routingKey,
    body: Buffer.from(body),
    // Written from an OutgoingMessage: what JSON keeps of it is all there is.
    properties: properties as OutgoingMessage['properties']
  }))
