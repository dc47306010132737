import { setTimeout as sleep } from 'node:timers/promises'
import type { Sql } from '@sluice/prisma/client'
import { findRun, listRuns, outcomesOf, type FeedRunRow } from '@sluice/prisma/tables/feed-runs'
import { requestRun, type SourceRow } from '@sluice/prisma/tables/sources'
import { CommandError } from './errors.ts'
import { isOver, type Outcomes } from './run-view.ts'
import { formatDuration } from './when.ts'

/** Asking the scheduler for a run and watching it; nothing here is shown. */

const POLL_MS = 250
export interface Watched {
  run: FeedRunRow
  outcomes: Outcomes
}

export interface WatchOptions {
  signal: AbortSignal
  /** How long a scheduler may take to start the run, once no other run of the feed is under way. */
  startWithinMs: number
  /** Another run of the feed must end first. */
  onQueued: (run: FeedRunRow) => void
  onProgress: (watched: Watched) => void
}

/** Asks for a run; returns which run was the newest before, so that the new one can be told apart. */
export const askForRun = async (
  sql: Sql,
  source: SourceRow,
  options: { full?: boolean } = {}
): Promise<FeedRunRow | undefined> => {
  if (source.pausedAt !== undefined) {
    throw new CommandError(
      'SOURCE_PAUSED',
      `"${source.slug}" is paused. \`sluice sources resume ${source.slug}\` first.`
    )
  }
  const [newest] = await listRuns(sql, { sourceSlug: source.slug, limit: 1 })
  await requestRun(sql, source.id, options)
  return newest
}

/**
 * The run that was asked for, when it is over.
 * @throws CommandError `RUN_NOT_STARTED` when no scheduler takes it up, `INTERRUPTED` when the signal fires
 */
export const watchRun = async (
  sql: Sql,
  source: SourceRow,
  before: FeedRunRow | undefined,
  options: WatchOptions
): Promise<Watched> => {
  const { signal, onProgress } = options
  let watched = await watchedOf(sql, await started(sql, source, before, options))
  while (!isOver(watched.run)) {
    onProgress(watched)
    await pause(
      signal,
      `Run ${watched.run.id} goes on; \`sluice feeds show ${watched.run.id}\` says how far it is.`
    )
    watched = await watchedOf(sql, (await findRun(sql, watched.run.id)) ?? watched.run)
  }
  return watched
}

const started = async (
  sql: Sql,
  source: SourceRow,
  before: FeedRunRow | undefined,
  { signal, startWithinMs, onQueued }: WatchOptions
): Promise<FeedRunRow> => {
  if (before !== undefined && !isOver(before)) onQueued(before)
  let until = Date.now() + startWithinMs
  for (;;) {
    const [newest] = await listRuns(sql, { sourceSlug: source.slug, limit: 1 })
    if (newest !== undefined && newest.id !== before?.id) return newest
    // A run that was under way when we asked must end first, however long it takes.
    if (newest !== undefined && !isOver(newest)) until = Date.now() + startWithinMs
    if (Date.now() > until) {
      throw new CommandError(
        'RUN_NOT_STARTED',
        `No scheduler has taken up the run of "${source.slug}" within ${formatDuration(startWithinMs)}. ` +
          'Is one running? The run stays asked for.'
      )
    }
    await pause(signal, `The run of "${source.slug}" stays asked for.`)
  }
}

const watchedOf = async (sql: Sql, run: FeedRunRow): Promise<Watched> => ({
  run,
  outcomes: await outcomesOf(sql, run)
})

const pause = async (signal: AbortSignal, whenInterrupted: string): Promise<void> => {
  try {
    await sleep(POLL_MS, undefined, { signal })
  } catch (cause) {
    throw new CommandError('INTERRUPTED', `Stopped watching. ${whenInterrupted}`, { cause })
  }
}
