import type { Command } from 'commander'
import { discardDeadLetters } from '@sluice/prisma/tables/dead-letter-acts'
import { actorHere } from '../actor.ts'
import { withExamples } from '../command.ts'
import type { Context } from '../context.ts'
import { CommandError } from '../errors.ts'
import * as input from '../input.ts'
import { chosenLetters, withLetterFilter, type Chosen } from '../letter-filter.ts'
import { settledOf } from '../letter-view.ts'
import {
  assertReplayable,
  letterNamed,
  replayFailure,
  replayLetters,
  toReplayAnswer
} from '../replay-letters.ts'
import { createSendingView } from '../sending-view.ts'
import { counted } from '../text.ts'

interface ActOptions extends Chosen {
  by?: string
}

/** `sluice dead-letters replay` and `discard`: what can be done about them, and is kept on record. */
export const addDeadLetterActs = (
  letters: Command,
  { out, sql, transaction, broker, publisher, interruption }: Context
): void => {
  withExamples(
    withChoice(
      letters
        .command('replay')
        .summary('send dead letters into their lane again')
        .description(
          'Sends messages into their lane again, oldest first, with a fresh count of attempts, and marks each only when ' +
            'RabbitMQ has confirmed it. Replay once the cause is gone. Ctrl-C stops after the letters under way (exit ' +
            '130), and the same command goes on with the rest. However it ends, none is lost; what was under way when it ' +
            'was killed is sent twice, at most a tenth of a second of the rate, and what is applied twice changes nothing.'
        )
    )
      .option('--rate <count>', 'at most so many a second', input.rate, 100)
      .option('--reason <text>', 'why, for the record', input.reason)
      .action(async (words: string[], options: ActOptions & { rate: number; reason?: string }) => {
        const { rate, reason, by: actor = actorHere(), ...chosen } = options
        const filter = chosenLetters(words, chosen)
        const store = await sql()
        await assertReplayable(store, filter.ids)
        const view = createSendingView(out)
        const done = await replayLetters({
          sql: store,
          transaction,
          publisher: await publisher(),
          topology: broker().topology,
          by: { actor, ...(reason === undefined ? {} : { reason }) },
          filter,
          rate,
          signal: interruption(),
          onProgress: ({ asked, replayed, failed }) =>
            view({ verb: 'replayed', sent: replayed.length, of: asked, failed: failed.length })
        }).finally(() => out.draw(''))
        const failure = replayFailure(done)
        if (failure !== undefined) throw failure
        const answer = toReplayAnswer(done)
        if (done.asked === 0)
          out.answer(answer.document, () => 'No open dead letter matches; nothing to replay.')
        else out.answer(answer.document, answer.text)
      }),
    ['sluice dead-letters replay 3', 'one'],
    ['sluice dead-letters replay 3 4 7', 'some'],
    [
      'sluice dead-letters replay --all --source acme-crm --rate 20',
      'every open one of a source, 20 a second'
    ],
    [
      'sluice dead-letters replay --all --code UNKNOWN --reason "fixed in 1.4.2"',
      'all that died of one reason'
    ]
  )

  withExamples(
    withChoice(
      letters
        .command('discard')
        .summary('give dead letters up')
        .description(
          'Marks dead letters as given up, with the reason. They stay on record for 90 days and are not replayed any more.'
        )
    )
      .requiredOption('--reason <text>', 'why, for whoever asks later', input.reason)
      .action(async (words: string[], options: ActOptions & { reason: string }) => {
        const { reason, by: actor = actorHere(), ...chosen } = options
        const filter = chosenLetters(words, chosen)
        const store = await sql()
        for (const id of filter.ids ?? []) {
          const state = settledOf(await letterNamed(store, id))
          if (state === 'open') continue
          throw new CommandError(
            'DEAD_LETTER_SETTLED',
            `Dead letter ${id} is ${state} already; nothing was discarded.`
          )
        }
        const discarded = await discardDeadLetters(store, filter, { actor, reason })
        out.answer({ discarded }, () => `Discarded ${counted(discarded, 'dead letter')}.`)
      }),
    ['sluice dead-letters discard 3 --reason "test message of the vendor"', 'will never be replayed'],
    [
      'sluice dead-letters discard --all --code ENVELOPE_INVALID --until 7d --reason "old test sender"',
      'all of a kind'
    ]
  )
}

/** The options that say which, and who. */
const withChoice = (command: Command): Command =>
  withLetterFilter(
    command.argument('[ids...]', 'their numbers in the list').option('--all', 'every open one that matches')
  ).option('--by <name>', 'who does it, for the record (default: user and machine)', input.displayName)
