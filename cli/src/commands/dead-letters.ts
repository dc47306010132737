import type { Command } from 'commander'
import { actsOf } from '@sluice/prisma/tables/dead-letter-acts'
import { countDeadLetters, listDeadLetters } from '@sluice/prisma/tables/dead-letters'
import { withExamples } from '../command.ts'
import type { Context } from '../context.ts'
import * as input from '../input.ts'
import { toLetterFilter, withLetterFilter, withLetterState, type Chosen } from '../letter-filter.ts'
import { bodyOf, renderLetter, renderLetterCounts, renderLetters, toLetterDocument } from '../letter-view.ts'
import { letterNamed } from '../replay-letters.ts'
import { addDeadLetterActs } from './dead-letter-acts.ts'

/** `sluice dead-letters`: messages that kept failing, or cannot be read. */
export const addDeadLetters = (program: Command, context: Context): void => {
  const { out, sql } = context
  const letters = program
    .command('dead-letters')
    .summary('messages that kept failing; replay or discard them')
    .description(
      "A dead letter is a message that kept failing for a reason that is not its record's (a bug, a setting), or " +
        'cannot be read at all. It is kept until someone replays it, once the cause is gone, or discards it.'
    )

  withExamples(
    withLetterState(
      withLetterFilter(
        letters
          .command('list')
          .summary('list dead letters, newest first')
          .description('Lists dead letters, newest first, with the reason each died of.')
      )
    )
      .option('--limit <count>', 'how many', input.limit, 50)
      .action(async ({ limit, ...options }: Chosen & { limit: number }) => {
        const rows = await listDeadLetters(await sql(), { ...shownOf(options), limit })
        out.answer({ deadLetters: rows.map(toLetterDocument) }, (screen) =>
          rows.length === 0 ? 'No dead letters.' : renderLetters(rows, out.now, screen)
        )
      }),
    ['sluice dead-letters list', 'what waits for someone'],
    ['sluice dead-letters list --source acme-crm --code UNKNOWN', 'of one source, one reason'],
    ['sluice dead-letters list --since 1h --class TypeError', 'bugs of the last hour'],
    ['sluice dead-letters list --offer 4711 --all', 'everything that ever died of one offer']
  )

  withExamples(
    withLetterState(
      withLetterFilter(
        letters
          .command('count')
          .summary('count dead letters')
          .description('Counts dead letters by source and fault code, most first.')
      )
    ).action(async (options: Chosen) => {
      const counts = await countDeadLetters(await sql(), shownOf(options))
      const total = counts.reduce((sum, { count }) => sum + count, 0)
      out.answer(
        { total, counts: counts.map(({ source = null, ...rest }) => ({ source, ...rest })) },
        (screen) => (total === 0 ? 'No dead letters.' : renderLetterCounts(counts, out.now, screen))
      )
    }),
    ['sluice dead-letters count', 'how many wait, and of what they died'],
    ['sluice dead-letters count --vendor acme --json | jq .total', 'for a script']
  )

  withExamples(
    letters
      .command('show')
      .summary('show a dead letter with headers and body')
      .description(
        'Shows why a message died, where it came from, who did what about it, its headers and its body.'
      )
      .argument('<id>', 'its number in the list', input.rowId)
      .action(async (id: string) => {
        const store = await sql()
        const letter = await letterNamed(store, id)
        const acts = await actsOf(store, id)
        out.answer(
          {
            deadLetter: {
              ...toLetterDocument(letter),
              acts,
              properties: letter.properties,
              headers: letter.headers,
              ...bodyOf(letter)
            }
          },
          (screen) => renderLetter(letter, acts, out.now, screen)
        )
      }),
    ['sluice dead-letters show 3', 'why it died'],
    ["sluice dead-letters show 3 --json | jq '.deadLetter.body'", 'the record it carries']
  )

  addDeadLetterActs(letters, context)

  withExamples(
    letters,
    ['sluice dead-letters list', 'what waits for someone'],
    ['sluice dead-letters show 3', 'why it died, with headers and body'],
    ['sluice dead-letters replay 3', 'once the cause is gone'],
    ['sluice dead-letters discard 3 --reason "sent by mistake"', 'or give it up']
  )
}

/** What a list shows: the open ones unless told, or every one. */
const shownOf = ({ all, state, ...options }: Chosen) =>
  toLetterFilter(all === true || state === undefined ? options : { ...options, state })
