import { toError } from '@sluice/shared/errors'
import type { Logger } from '@sluice/shared/log'
import type { Db } from '@sluice/prisma/client'
import { dueFeeds, type SourceRow } from '@sluice/prisma/tables/sources'
import { RunError } from './errors.ts'
import type { RunFeed } from './run-feed.ts'

/** Starts runs of due feeds, so many at a time, longest overdue first. */
export interface Dispatcher {
  /** Looks for due feeds once. Never throws. */
  tick: () => Promise<void>
  /** Feeds being read by this process. */
  readonly running: number
  /** Whether the last look at Postgres worked. */
  readonly isHealthy: boolean
  /** Starts nothing more, stops what runs, and resolves when all of it is written down. */
  stop: () => Promise<void>
}

export interface DispatcherOptions {
  db: Db
  runFeed: RunFeed
  maxRuns: number
  log: Logger
}

/** A feed that is still due because something around it failed is left alone for so long. */
const REST_MS = 10_000

export const createDispatcher = ({ db, runFeed, maxRuns, log }: DispatcherOptions): Dispatcher => {
  const runs = new Map<number, Promise<void>>()
  const restUntil = new Map<number, number>()
  const stopping = new AbortController()
  let isHealthy = false

  const isResting = ({ id }: SourceRow): boolean => (restUntil.get(id) ?? 0) > Date.now()

  const start = (source: SourceRow): void => {
    runs.set(
      source.id,
      run(source).finally(() => runs.delete(source.id))
    )
  }

  const run = async (source: SourceRow): Promise<void> => {
    restUntil.delete(source.id)
    try {
      const result = await runFeed(source, stopping.signal)
      if (result === 'again') restUntil.set(source.id, Date.now() + REST_MS)
    } catch (thrown) {
      restUntil.set(source.id, Date.now() + REST_MS)
      log.error({ err: toError(thrown), source: source.slug }, 'run not started')
    }
  }

  return {
    tick: async () => {
      if (stopping.signal.aborted || runs.size >= maxRuns) return
      try {
        const due = await dueFeeds(db.sql)
        isHealthy = true
        for (const source of due) {
          if (stopping.signal.aborted || runs.size >= maxRuns) return
          if (!runs.has(source.id) && !isResting(source)) start(source)
        }
      } catch (thrown) {
        if (isHealthy) log.error({ err: toError(thrown) }, 'due feeds not read')
        isHealthy = false
      }
    },
    get running() {
      return runs.size
    },
    get isHealthy() {
      return isHealthy
    },
    stop: async () => {
      stopping.abort(
        new RunError('RUN_STOPPED', 'The scheduler was stopped; the feed is read again from the start')
      )
      await Promise.all(runs.values())
    }
  }
}
