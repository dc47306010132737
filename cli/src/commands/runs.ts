import type { Command } from 'commander'
import { findRun } from '@sluice/prisma/tables/feed-runs'
import { answerPending } from '@sluice/prisma/tables/removals'
import { requestRun } from '@sluice/prisma/tables/sources'
import { actorHere } from '../actor.ts'
import { withExamples } from '../command.ts'
import type { Context } from '../context.ts'
import { CommandError } from '../errors.ts'
import * as input from '../input.ts'
import { answerRun, answerRuns, RUN_WORD, runNamed, SHOWS_RUN } from '../run-answer.ts'
import { toRunDocument } from '../run-view.ts'
import { counted } from '../text.ts'

/** `sluice runs`: what became of the passes over feeds, and a person's word on what they hold back. */
export const addRuns = (program: Command, context: Context): void => {
  const { sql } = context
  const runs = program
    .command('runs')
    .summary('passes over feeds, and what they hold back')
    .description(
      'A run is one pass over one feed. What vanished from its list is withdrawn by itself, unless it is too much to be ' +
        'believed: then it is pending, until somebody releases or dismisses it, or a newer list replaces it.'
    )

  withExamples(
    runs
      .command('list')
      .summary('list runs, newest first')
      .description('Lists the runs of one feed, or of all, newest first.')
      .argument('[feed]', 'its slug (default: every feed)')
      .option('--limit <count>', 'how many', input.limit, 20)
      .action(async (slug: string | undefined, options: { limit: number }) =>
        answerRuns(context, await sql(), slug, options.limit)
      ),
    ['sluice runs list', 'the last twenty of all feeds'],
    [
      'sluice runs list --json | jq \'.runs[] | select(.removals.state == "pending")\'',
      'those that wait for somebody'
    ]
  )

  withExamples(
    runs
      .command('show')
      .summary('show a run, its problems and what it holds back')
      .description(SHOWS_RUN)
      .argument('<run>', RUN_WORD)
      .action(async (word: string) => answerRun(context, await sql(), word)),
    ['sluice runs show 42', 'run 42'],
    ['sluice runs show acme-kyero', 'the newest run of a feed'],
    ["sluice runs show 42 --json | jq '.run.removals'", 'what vanished, and why it is pending']
  )

  withExamples(
    runs
      .command('release')
      .summary('let pending removals happen')
      .description(
        'Allows what a run holds back, and asks for a run of its feed, which carries it out: what that run finds in the ' +
          'file stays, what is gone besides is judged anew. If the feed cannot be had, what has not been seen since goes.'
      )
      .argument('<run>', RUN_WORD)
      .option('--by <who>', 'who decided, for the record (default: you)')
      .action((word: string, { by }: { by?: string }) => answerWith(context, word, 'released', by)),
    ['sluice runs release 42', 'the vendor really has so few offers now']
  )

  withExamples(
    runs
      .command('dismiss')
      .summary('leave the offers of pending removals as they are')
      .description(
        'Gives up what a run holds back: no offer is withdrawn. The next list of the feed is judged for itself, and held ' +
          'back again if it lacks as much.'
      )
      .argument('<run>', RUN_WORD)
      .option('--by <who>', 'who decided, for the record (default: you)')
      .action((word: string, { by }: { by?: string }) => answerWith(context, word, 'dismissed', by)),
    ['sluice runs dismiss 42', 'the file was broken; the vendor mends it']
  )

  withExamples(
    runs,
    ['sluice runs show acme-kyero', 'how the newest run of a feed went'],
    ['sluice runs release 42', 'withdraw what it holds back'],
    ['sluice runs dismiss 42', 'do not']
  )
}

const answerWith = async (
  { out, sql, transaction }: Context,
  word: string,
  answer: 'released' | 'dismissed',
  by = actorHere()
): Promise<void> => {
  const store = await sql()
  const run = await runNamed(store, word)
  const isAnswered = await transaction(async (tx) => {
    if (!(await answerPending(tx, run.id, answer, by))) return false
    if (answer === 'released') await requestRun(tx, run.sourceId)
    return true
  })
  const now = (await findRun(store, run.id)) ?? run
  if (!isAnswered) {
    const state = now.removals === undefined ? 'read no whole list' : `are ${now.removals}`
    throw new CommandError(
      'REMOVALS_NOT_PENDING',
      `Nothing of run ${run.id} is pending: its removals ${state}. \`sluice runs list ${run.sourceSlug}\` shows others.`
    )
  }
  const gone = counted(now.gone ?? 0, 'offer')
  out.answer({ run: toRunDocument(now) }, () =>
    answer === 'released'
      ? `Released: ${gone} of ${run.sourceSlug} may go. A run was asked for and carries it out.`
      : `Dismissed: ${gone} of ${run.sourceSlug} stay as they are.`
  )
}
