import { setTimeout as sleep } from 'node:timers/promises'
import type { Db } from '@sluice/prisma/client'
import type { Lock } from '@sluice/prisma/lock'
import type { NewOfferChange } from '@sluice/prisma/tables/offer-changes'
import type { Publisher } from '@sluice/shared/broker'
import { bounded } from '@sluice/shared/bounded'
import { DependencyError, toError } from '@sluice/shared/errors'
import type { Logger } from '@sluice/shared/log'
import type { Reporter } from '@sluice/shared/sentry'
import type { ToJson } from '../documents.ts'
import { createBell } from './bell.ts'
import { keepNumbering } from './numbering.ts'
import { keepPublishing } from './publishing.ts'
import { createRecent } from './recent.ts'

/**
 * The stream out: committed changes of offers get their places in it and are published in that order, at least once.
 * There is one relay in every worker, and one of them at a time does the work. Which one is decided by a lock, for
 * economy; that the stream has no gap and no second order is left to `numberChanges`, so one that has lost the lock
 * without knowing repeats at worst what another has published.
 */
export interface Relay {
  start: () => void
  /** These changes have been committed in this process, each with its units. */
  committed: (changes: readonly NewOfferChange[], toJson: ToJson) => void
  /** Whether this one does the work. */
  readonly isLeading: boolean
  /** Finishes the batch under way; another relay goes on with the rest, or the next start. */
  stop: (timeoutMs: number) => Promise<void>
}

export interface RelayDeps {
  db: Pick<Db, 'direct'>
  lock: Lock
  publisher: Pick<Publisher, 'publish'>
  /** Name of the offers exchange. */
  exchange: string
  /** While Postgres is known to be away nobody asks it. */
  isPaused: () => boolean
  onPublished: (count: number) => void
  log: Logger
  reporter: Pick<Reporter, 'captureError'>
}

/** How often one who does not lead asks whether it may. */
const STANDBY_MS = 500
const BACKOFF_MS = { least: 250, most: 2_000 }

export const createRelay = ({
  db,
  lock,
  publisher,
  exchange,
  isPaused,
  onPublished,
  log,
  reporter
}: RelayDeps): Relay => {
  const stopping = new AbortController()
  const { signal } = stopping
  const written = createBell()
  const numbered = createBell()
  const recent = createRecent()
  let isLeading = false
  let failures = 0
  let running: Promise<void> = Promise.resolve()

  const numbering = { db, bell: written, onNumbered: () => numbered.ring() }
  const publishing = {
    db,
    publisher,
    exchange,
    bell: numbered,
    recent,
    isCautious: () => failures > 0,
    onPublished: (count: number) => {
      if (failures > 0) log.info('stream is relayed again')
      failures = 0
      onPublished(count)
    }
  }

  /** Both at the same time, until one of them fails or the signal fires. */
  const lead = async (until: AbortSignal): Promise<void> => {
    const over = new AbortController()
    const both = AbortSignal.any([until, over.signal])
    const work = [keepNumbering(numbering, both), keepPublishing(publishing, both)]
    try {
      await Promise.race(work)
    } finally {
      over.abort()
      await Promise.allSettled(work)
    }
  }

  const pause = async (ms: number): Promise<void> => {
    await sleep(ms * (0.75 + Math.random() / 2), undefined, { signal }).catch(() => undefined) // stopped
  }

  /** Somebody else may have what we lack: a connection to the broker, or to Postgres. */
  const stepDown = async (error: Error): Promise<void> => {
    failures += 1
    log[failures === 1 ? 'warn' : 'debug']({ err: error }, 'stream is not relayed, trying again')
    if (!(error instanceof DependencyError)) reporter.captureError(error)
    await giveUpLock()
    await pause(Math.min(BACKOFF_MS.most, BACKOFF_MS.least * 2 ** Math.min(failures, 10)))
  }

  const giveUpLock = async (): Promise<void> => {
    isLeading = false
    recent.forget() // another publishes them
    await lock.release().catch((thrown: unknown) => log.debug({ err: toError(thrown) }, 'lock not released'))
  }

  const run = async (): Promise<void> => {
    while (!signal.aborted) {
      try {
        const lost = isPaused() ? undefined : await lock.acquire()
        if (lost === undefined) {
          await pause(STANDBY_MS)
          continue
        }
        isLeading = true
        log.info('relaying the stream')
        await lead(AbortSignal.any([signal, lost]))
        lost.throwIfAborted()
      } catch (thrown) {
        if (!signal.aborted) await stepDown(toError(thrown))
      }
    }
    await giveUpLock()
  }

  return {
    start: () => {
      running = run()
    },
    committed: (changes, toJson) => {
      if (isLeading) recent.keep(changes, toJson)
      written.ring()
    },
    get isLeading() {
      return isLeading
    },
    stop: async (timeoutMs) => {
      stopping.abort()
      await bounded(running, timeoutMs, 'stopping the relay')
    }
  }
}
