import { toError } from '@sluice/shared/errors'
import type { Logger } from '@sluice/shared/log'
import type { Db } from '@sluice/prisma/client'
import {
  saveProgress,
  type FeedRunRow,
  type RunProblem,
  type RunProgress
} from '@sluice/prisma/tables/feed-runs'
import { RunError } from './errors.ts'

/** What a pass over a feed adds up. */
export interface Books {
  /** Figures so far; add to them as things happen. */
  readonly figures: Figures
  /** Facts that are known once. */
  note: (facts: RunProgress) => void
  /** Keeps the first few problems, with their place in the file. */
  addProblem: (problem: RunProblem) => void
  /** Everything, for the statement that ends reading or the run. */
  snapshot: () => RunProgress & Figures
}

/** The books of one run: its figures, written to `feed_runs` every second together with the lease. */
export interface Ledger extends Books {
  /** Aborts, with the reason, when the run was superseded. */
  readonly signal: AbortSignal
  /** Writes no more; the lease runs on until the run is ended. */
  stop: () => Promise<void>
}

export type Figures = Required<
  Pick<
    RunProgress,
    'bytesRead' | 'recordsSeen' | 'skipped' | 'published' | 'malformed' | 'duplicates' | 'vanished'
  >
>

export interface LedgerOptions {
  db: Db
  run: Pick<FeedRunRow, 'id' | 'leaseToken'>
  leaseMs: number
  log: Logger
}

/** What a run has done when it begins. */
const noFigures = (): Figures => ({
  bytesRead: 0,
  recordsSeen: 0,
  skipped: 0,
  published: 0,
  malformed: 0,
  duplicates: 0,
  vanished: 0
})

const MAX_PROBLEMS = 20

/** Books that nobody writes down. */
export const createBooks = (): Books => {
  const figures = noFigures()
  const problems: RunProblem[] = []
  let facts: RunProgress = {}
  return {
    figures,
    note: (more) => {
      facts = { ...facts, ...more }
    },
    addProblem: (problem) => {
      if (problems.length < MAX_PROBLEMS) problems.push(problem)
    },
    snapshot: () => ({ ...facts, ...figures, problems })
  }
}

/** Progress is never older than two seconds, even if one write is slow. */
const SAVE_EVERY_MS = 1_000

export const createLedger = ({ db, run, leaseMs, log }: LedgerOptions): Ledger => {
  const books = createBooks()
  const superseded = new AbortController()
  let saving: Promise<void> = Promise.resolve()
  let isSaving = false

  const save = async (): Promise<void> => {
    isSaving = true
    try {
      if (await saveProgress(db.sql, run.id, run.leaseToken, leaseMs, books.snapshot())) return
      superseded.abort(new RunError('RUN_SUPERSEDED', 'Another scheduler has taken over this run'))
    } catch (thrown) {
      // The lease may run out meanwhile; then the next save finds the run superseded.
      log.warn({ err: toError(thrown) }, 'progress not saved')
    } finally {
      isSaving = false
    }
  }
  const timer = setInterval(() => {
    if (!isSaving) saving = save()
  }, SAVE_EVERY_MS)

  return {
    ...books,
    signal: superseded.signal,
    stop: async () => {
      clearInterval(timer)
      await saving
    }
  }
}
