import { setTimeout as sleep } from 'node:timers/promises'
import type { Sql } from '@sluice/prisma/client'
import { findRun, listRuns, settledOutcomes, type FeedRunRow } from '@sluice/prisma/tables/feed-runs'
import { requestRun, type SourceRow } from '@sluice/prisma/tables/sources'
import type { Outcome } from '@sluice/shared/change'

export interface FeedResult {
  run: FeedRunRow
  outcomes: Record<Outcome, number>
}

const POLL_MS = 150
const RUN_TIMEOUT_MS = 120_000
const OVER = new Set(['done', 'failed', 'superseded'])

/** Asks the scheduler to run the feed now and watches until the last record has settled. */
export const runFeed = async (
  sql: Sql,
  feed: SourceRow,
  note: (text: string) => void
): Promise<FeedResult> => {
  const [before] = await listRuns(sql, { sourceSlug: feed.slug, limit: 1 })
  await requestRun(sql, feed.id)
  const end = Date.now() + RUN_TIMEOUT_MS
  note('waiting for the scheduler')
  while (Date.now() < end) {
    await sleep(POLL_MS)
    const [newest] = await listRuns(sql, { sourceSlug: feed.slug, limit: 1 })
    if (newest === undefined || newest.id === before?.id) continue
    const outcomes = await settledOutcomes(sql, newest.id)
    if (OVER.has(newest.state)) return { run: (await findRun(sql, newest.id)) ?? newest, outcomes }
    note(progressOf(newest, outcomes))
  }
  throw new Error(`the run of ${feed.slug} is not over after ${RUN_TIMEOUT_MS / 1000} s`)
}

const progressOf = (
  { state, recordsSeen, skipped }: FeedRunRow,
  outcomes: Record<Outcome, number>
): string => {
  const settled = Object.values(outcomes).reduce((total, count) => total + count, 0)
  return `${state}: ${recordsSeen} records read, ${skipped} skipped, ${settled} settled`
}

/** `300 created` or `300 unchanged, skipped`: what became of the records, in words. */
export const sayOutcomes = ({ run, outcomes }: FeedResult): string => {
  const parts = Object.entries(outcomes).flatMap(([outcome, count]) =>
    count > 0 ? [`${count} ${outcome}`] : []
  )
  if (run.skipped > 0) parts.push(`${run.skipped} the same as last time, skipped`)
  return `${run.recordsSeen} records: ${parts.join(', ') || 'nothing settled'}`
}
