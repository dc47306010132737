import { setTimeout as sleep } from 'node:timers/promises'
import { DependencyError } from '@sluice/shared/errors'
import type { Logger } from '@sluice/shared/log'
import type { Db } from '@sluice/prisma/client'
import { settledOutcomes } from '@sluice/prisma/tables/feed-runs'
import { RunError } from './errors.ts'

/**
 * How far a run may be ahead of the workers: published − settled ≤ limit, so that no feed floods the broker and many
 * share the lane. What has settled is counted from the books the workers keep; a record on the retry ladder is in
 * them, and counts.
 */
export interface Credit {
  /** Resolves when one more record may be published. */
  take: () => Promise<void>
  /** Resolves when everything taken has settled. */
  settled: () => Promise<void>
}

export interface CreditOptions {
  db: Db
  runId: string
  limit: number
  /** Nothing settled for so long: the workers are away, or messages are lost. */
  timeoutMs: number
  signal: AbortSignal
  log: Logger
}

/** A small run settles at once, and a large one does not hurry: what is waited between two looks doubles up to this. */
const POLL_MS = 250
const FIRST_POLL_MS = 15
/** Counting a large run takes a while; Postgres is asked at most for a tenth of the time. */
const POLL_SHARE = 10

/** @throws RunError `SETTLE_TIMEOUT` from either function */
export const createCredit = ({ db, runId, limit, timeoutMs, signal, log }: CreditOptions): Credit => {
  let taken = 0
  let settled = 0

  const count = async (): Promise<number | undefined> => {
    try {
      const outcomes = await settledOutcomes(db.sql, runId)
      return Object.values(outcomes).reduce((sum, outcome) => sum + outcome, 0)
    } catch (thrown) {
      if (!(thrown instanceof DependencyError)) throw thrown
      log.warn({ err: thrown }, 'settled records not counted')
      return undefined
    }
  }

  const untilSettled = async (target: number): Promise<void> => {
    let movedAt = performance.now()
    let pollMs = FIRST_POLL_MS
    while (settled < target) {
      signal.throwIfAborted()
      const askedAt = performance.now()
      const found = await count()
      const now = performance.now()
      // While Postgres is away nobody can settle anything: that is not the workers' silence.
      if (found === undefined || found > settled) movedAt = now
      settled = found ?? settled
      if (settled >= target) return
      if (now - movedAt > timeoutMs) throw notSettled(taken - settled, timeoutMs)
      await sleep(Math.max(pollMs, (now - askedAt) * POLL_SHARE), undefined, { signal })
      pollMs = Math.min(POLL_MS, pollMs * 2)
    }
  }

  return {
    take: async () => {
      if (taken - settled >= limit) await untilSettled(taken - limit + 1)
      taken += 1
    },
    settled: () => untilSettled(taken)
  }
}

const notSettled = (open: number, timeoutMs: number): RunError =>
  new RunError(
    'SETTLE_TIMEOUT',
    `The workers settled nothing for ${Math.round(timeoutMs / 1000)} s, ${open} records are still open; is a worker running?`
  )
