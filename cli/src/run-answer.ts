import type { Sql } from '@sluice/prisma/client'
import { findRun, listRuns, outcomesOf, type FeedRunRow } from '@sluice/prisma/tables/feed-runs'
import { listPending } from '@sluice/prisma/tables/removals'
import { findSource } from '@sluice/prisma/tables/sources'
import type { Context } from './context.ts'
import { CommandError, type Answer } from './errors.ts'
import { sourceNamed } from './lookup.ts'
import type { Output } from './output.ts'
import { renderRun, renderRuns, toRunDocument } from './run-view.ts'
import type { Watched } from './watch-run.ts'

/** What is answered about runs, whichever command asked. */

export const RUN_WORD = 'its number, or the slug of a feed for its newest run'
export const SHOWS_RUN =
  'Shows a run: how it ended, what became of its records, what vanished from its list, and the first problems with the ' +
  'byte they stand at.'

/** Offers that would go, as far as they are shown. */
const MAX_PENDING = 20

/** @throws CommandError `RUN_UNKNOWN` */
export const runNamed = async (sql: Sql, word: string): Promise<FeedRunRow> => {
  if (/^\d+$/.test(word)) {
    const run = await findRun(sql, word)
    if (run !== undefined) return run
    throw new CommandError('RUN_UNKNOWN', `No run ${word}. \`sluice runs list\` lists them.`)
  }
  const source = await sourceNamed(sql, word, 'feed')
  const [newest] = await listRuns(sql, { sourceSlug: source.slug, limit: 1 })
  if (newest !== undefined) return newest
  throw new CommandError('RUN_UNKNOWN', `"${word}" has never run. \`sluice feeds run ${word}\` starts a run.`)
}

export const toAnswer = (
  { run, outcomes }: Watched,
  out: Output,
  pending: readonly string[] = []
): Answer => ({
  document: { run: { ...toRunDocument(run, outcomes), ...(pending.length === 0 ? {} : { pending }) } },
  text: (screen) => renderRun(run, { outcomes, pending, now: out.now }, screen)
})

export const answerRun = async ({ out }: Pick<Context, 'out'>, sql: Sql, word: string): Promise<void> => {
  const run = await runNamed(sql, word)
  const source = run.removals === 'pending' ? await findSource(sql, run.sourceSlug) : undefined
  const pending = source === undefined ? [] : await listPending(sql, run, source, MAX_PENDING)
  const answer = toAnswer({ run, outcomes: await outcomesOf(sql, run) }, out, pending)
  out.answer(answer.document, answer.text)
}

export const answerRuns = async (
  { out }: Pick<Context, 'out'>,
  sql: Sql,
  slug: string | undefined,
  limit: number
): Promise<void> => {
  if (slug !== undefined) await sourceNamed(sql, slug, 'feed')
  const runs = await listRuns(sql, { limit, ...(slug === undefined ? {} : { sourceSlug: slug }) })
  out.answer({ runs: runs.map((run) => toRunDocument(run)) }, (screen) =>
    runs.length === 0
      ? 'No runs yet. `sluice feeds run <feed>` starts one.'
      : renderRuns(runs, out.now, screen)
  )
}
