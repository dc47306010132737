import type { Sql } from '@sluice/prisma/client'
import { findDeadLetter, listDeadLetters, markReplayed } from '@sluice/prisma/tables/dead-letters'
import type { Publisher } from '@sluice/shared/broker'
import { codeOf, EnvelopeError, toError } from '@sluice/shared/errors'
import { replay } from '@sluice/shared/replay'
import type { Topology } from '@sluice/shared/topology'
import { CommandError, type Answer } from './errors.ts'
import type { Letter } from './letter-view.ts'
import { counted } from './text.ts'

/** Which dead letters are meant, and sending them into their lanes again; nothing here is shown. */

/** As the options say it. */
export interface LetterFilter {
  source?: string
  code?: string
}

/** One command replays at most so many; the rest stays open. */
export const REPLAY_BATCH = 10_000

export const toStoreFilter = ({ source, code }: LetterFilter): { source?: string; faultCode?: string } => ({
  ...(source === undefined ? {} : { source }),
  ...(code === undefined ? {} : { faultCode: code })
})

/** @throws CommandError `DEAD_LETTER_UNKNOWN` */
export const letterNamed = async (sql: Sql, id: string): Promise<Letter> => {
  const letter = await findDeadLetter(sql, id)
  if (letter !== undefined) return letter
  throw new CommandError(
    'DEAD_LETTER_UNKNOWN',
    `No dead letter ${id}. \`sluice dead-letters list\` shows them.`
  )
}

/**
 * The letters of these numbers, checked before the first is sent: a number typed wrong sends nothing.
 * @throws CommandError `DEAD_LETTER_UNKNOWN`, or `DEAD_LETTER_SETTLED` when one is discarded
 */
export const assertReplayable = async (sql: Sql, ids: readonly string[]): Promise<void> => {
  for (const id of ids) {
    if ((await letterNamed(sql, id)).discardedAt === undefined) continue
    throw new CommandError('DEAD_LETTER_SETTLED', `Dead letter ${id} is discarded; nothing was replayed.`)
  }
}

/** Every open one that matches, oldest first: what died first is applied first. */
export const openLetters = async (sql: Sql, filter: LetterFilter): Promise<string[]> =>
  (await listDeadLetters(sql, { ...toStoreFilter(filter), open: true, limit: REPLAY_BATCH }))
    .map(({ id }) => id)
    .toReversed()

export interface Replayed {
  replayed: string[]
  /** Those that cannot be replayed, whatever the broker does. */
  failed: { id: string; code: string; message: string }[]
}

export interface ReplayLettersDeps {
  sql: Sql
  publisher: Publisher
  topology: Topology
  signal: AbortSignal
}

/**
 * One after another, each marked once the broker has it; ends early when the signal fires.
 * @throws CommandError saying how far it came when the broker or Postgres goes away
 */
export const replayLetters = async (
  ids: readonly string[],
  { sql, publisher, topology, signal }: ReplayLettersDeps
): Promise<Replayed> => {
  const done: Replayed = { replayed: [], failed: [] }
  for (const id of ids) {
    if (signal.aborted) break
    try {
      const letter = await letterNamed(sql, id)
      await replay(letter, { publisher, topology, markReplayed: () => markReplayed(sql, id) })
      done.replayed.push(id)
    } catch (thrown) {
      if (!(thrown instanceof EnvelopeError)) throw halfWay(thrown, done)
      done.failed.push({ id, code: thrown.code, message: thrown.message })
    }
  }
  return done
}

export const toReplayAnswer = ({ replayed, failed }: Replayed): Answer => ({
  document: { replayed, failed },
  text: () => `Replayed ${counted(replayed.length, 'dead letter')}.`
})

/** What to say of a replay of `asked` letters that did not go all the way. */
export const replayFailure = (asked: number, done: Replayed): CommandError | undefined => {
  const { replayed, failed } = done
  const left = asked - replayed.length - failed.length
  const answer = toReplayAnswer(done)
  if (left > 0) {
    return new CommandError('INTERRUPTED', `Stopped; still to replay: ${counted(left, 'dead letter')}.`, {
      answer
    })
  }
  if (failed.length === 0) return undefined
  return new CommandError(
    'REPLAY_INCOMPLETE',
    `${counted(failed.length, 'dead letter')} cannot be replayed; discard what is beyond repair.`,
    { problems: failed.map(({ id, message }) => `${id}: ${message}`), answer }
  )
}

/** The letters before are replayed for good. */
const halfWay = (thrown: unknown, done: Replayed): Error => {
  const error = toError(thrown)
  if (done.replayed.length + done.failed.length === 0) return error
  return new CommandError(codeOf(error), `Stopped half-way: ${error.message}. Run it again for the rest.`, {
    cause: error,
    answer: toReplayAnswer(done)
  })
}
