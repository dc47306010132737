import type { Command } from 'commander'
import { discardDeadLetter, listDeadLetters } from '@sluice/prisma/tables/dead-letters'
import { withExamples } from '../command.ts'
import type { Context } from '../context.ts'
import { CommandError, UsageError } from '../errors.ts'
import * as input from '../input.ts'
import { bodyOf, renderLetter, renderLetters, settledOf, toLetterDocument } from '../letter-view.ts'
import {
  assertReplayable,
  letterNamed,
  openLetters,
  REPLAY_BATCH,
  replayFailure,
  replayLetters,
  toReplayAnswer,
  toStoreFilter,
  type LetterFilter
} from '../replay-letters.ts'

/** `sluice dead-letters`: messages that kept failing, or cannot be read. */
export const addDeadLetters = (
  program: Command,
  { out, sql, broker, publisher, interruption }: Context
): void => {
  const letters = program
    .command('dead-letters')
    .summary('messages that kept failing; replay or discard them')
    .description(
      "A dead letter is a message that kept failing for a reason that is not its record's (a bug, a setting), or " +
        'cannot be read at all. It is kept until someone replays it, once the cause is gone, or discards it.'
    )

  withExamples(
    letters
      .command('list')
      .summary('list dead letters, newest first')
      .description('Lists open dead letters, newest first, with the reason each died of.')
      .option('--source <slug>', 'only of this source')
      .option('--code <fault>', 'only with this fault code')
      .option('--all', 'replayed and discarded ones too')
      .option('--limit <count>', 'how many', input.limit, 50)
      .action(async (options: LetterFilter & { all?: true; limit: number }) => {
        const rows = await listDeadLetters(await sql(), {
          ...toStoreFilter(options),
          ...(options.all === true ? {} : { open: true }),
          limit: options.limit
        })
        out.answer({ deadLetters: rows.map(toLetterDocument) }, (screen) =>
          rows.length === 0 ? 'No dead letters.' : renderLetters(rows, out.now, screen)
        )
      }),
    ['sluice dead-letters list', 'what waits for someone'],
    ['sluice dead-letters list --source acme-crm --code UNKNOWN', 'of one source, one reason']
  )

  withExamples(
    letters
      .command('show')
      .summary('show a dead letter with headers and body')
      .description('Shows why a message died, where it came from, its headers and its body.')
      .argument('<id>', 'its number in the list', input.rowId)
      .action(async (id: string) => {
        const letter = await letterNamed(await sql(), id)
        out.answer(
          {
            deadLetter: {
              ...toLetterDocument(letter),
              properties: letter.properties,
              headers: letter.headers,
              ...bodyOf(letter)
            }
          },
          (screen) => renderLetter(letter, out.now, screen)
        )
      }),
    ['sluice dead-letters show 3', 'why it died'],
    ["sluice dead-letters show 3 --json | jq '.deadLetter.body'", 'the record it carries']
  )

  withExamples(
    letters
      .command('replay')
      .summary('send dead letters into their lane again')
      .description(
        'Sends messages into their lane again, with a fresh count of attempts, and waits for RabbitMQ to confirm each. ' +
          'Replay once the cause is gone; what is applied twice changes nothing.'
      )
      .argument('[ids...]', 'their numbers in the list')
      .option('--all', 'every open one, or those that match --source and --code')
      .option('--source <slug>', 'with --all: only of this source')
      .option('--code <fault>', 'with --all: only with this fault code')
      .action(async (words: string[], options: LetterFilter & { all?: true }) => {
        const ids = words.map(input.rowId)
        refuseMixed(ids, options)
        const store = await sql()
        const { topology } = broker()
        await assertReplayable(store, ids)
        const chosen = ids.length > 0 ? ids : await openLetters(store, options)
        if (chosen.length === 0) {
          const none = toReplayAnswer({ replayed: [], failed: [] })
          out.answer(none.document, () => 'No open dead letter matches; nothing to replay.')
          return
        }
        const done = await replayLetters(chosen, {
          sql: store,
          publisher: await publisher(),
          topology,
          signal: interruption()
        })
        const failure = replayFailure(chosen.length, done)
        if (failure !== undefined) throw failure
        const answer = toReplayAnswer(done)
        out.answer(answer.document, answer.text)
        if (chosen.length === REPLAY_BATCH) out.note('There may be more: run it again.')
      }),
    ['sluice dead-letters replay 3', 'one'],
    ['sluice dead-letters replay 3 4 7', 'some'],
    ['sluice dead-letters replay --all --source acme-crm', 'every open one of a source'],
    ['sluice dead-letters replay --all --code UNKNOWN', 'every open one that died of one reason']
  )

  withExamples(
    letters
      .command('discard')
      .summary('give a dead letter up')
      .description(
        'Marks a dead letter as given up, with the reason. It stays on record and is not replayed any more.'
      )
      .argument('<id>', 'its number in the list', input.rowId)
      .requiredOption('--reason <text>', 'why, for whoever asks later', input.reason)
      .action(async (id: string, options: { reason: string }) => {
        const store = await sql()
        const letter = await letterNamed(store, id)
        if (!(await discardDeadLetter(store, id, options.reason))) {
          throw new CommandError('DEAD_LETTER_SETTLED', `Dead letter ${id} is ${settledOf(letter)} already.`)
        }
        out.answer(
          { deadLetter: toLetterDocument(await letterNamed(store, id)) },
          () => `Discarded dead letter ${id}.`
        )
      }),
    ['sluice dead-letters discard 3 --reason "test message of the vendor"', 'will never be replayed']
  )

  withExamples(
    letters,
    ['sluice dead-letters list', 'what waits for someone'],
    ['sluice dead-letters show 3', 'why it died, with headers and body'],
    ['sluice dead-letters replay 3', 'once the cause is gone'],
    ['sluice dead-letters discard 3 --reason "sent by mistake"', 'or give it up']
  )
}

const refuseMixed = (ids: readonly string[], { all, source, code }: LetterFilter & { all?: true }): void => {
  const isFiltered = source !== undefined || code !== undefined
  if (ids.length > 0 && (all === true || isFiltered)) {
    throw new UsageError('REPLAY_MIXED', 'Give numbers, or --all with its filters, not both.')
  }
  if (ids.length === 0 && all !== true) {
    throw new UsageError('REPLAY_NOTHING', 'Say which: numbers from `sluice dead-letters list`, or --all.')
  }
}
