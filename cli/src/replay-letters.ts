import { scopeOf } from '@sluice/prisma/tables/dead-letter-acts'
import { findDeadLetter, type DeadLetterFilter } from '@sluice/prisma/tables/dead-letters'
import type { Sql } from '@sluice/prisma/client'
import { codeOf, toError } from '@sluice/shared/errors'
import { CommandError, type Answer } from './errors.ts'
import type { Letter } from './letter-view.ts'
import { chunkSize, createPace } from './pace.ts'
import { replayChunk, type Chunk, type ReplayDeps, type Unreplayable } from './replay-chunk.ts'
import { counted } from './text.ts'

/** Sending dead letters into their lanes again; nothing here is shown. */

/** A chunk's bodies are in memory and in one transaction. */
const MAX_CHUNK_BYTES = 4 * 1024 * 1024

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
 * Checked before the first is sent: a number typed wrong sends nothing.
 * @throws CommandError `DEAD_LETTER_UNKNOWN`, or `DEAD_LETTER_SETTLED` when one is discarded
 */
export const assertReplayable = async (sql: Sql, ids: readonly string[] = []): Promise<void> => {
  for (const id of ids) {
    if ((await letterNamed(sql, id)).discardedAt === undefined) continue
    throw new CommandError('DEAD_LETTER_SETTLED', `Dead letter ${id} is discarded; nothing was replayed.`)
  }
}

export interface Replayed {
  asked: number
  replayed: string[]
  failed: Unreplayable[]
  /** Why it stopped before its end. */
  problem?: Error
}

export interface ReplayOptions extends ReplayDeps {
  sql: Sql
  filter: DeadLetterFilter
  /** At most so many a second. */
  rate: number
  signal: AbortSignal
  onProgress: (done: Replayed) => void
}

/**
 * Oldest first: what died first is applied first. What dies again meanwhile is another letter and not part of it. Ends
 * early when the signal fires or the broker takes no more; the same command goes on where this one stopped.
 */
export const replayLetters = async ({
  sql,
  filter,
  rate,
  signal,
  onProgress,
  ...deps
}: ReplayOptions): Promise<Replayed> => {
  const { count, upTo } = await scopeOf(sql, filter)
  const failed = new Map<string, Unreplayable>()
  const done: Replayed = { asked: count, replayed: [], failed: [] }
  const isDone = (): boolean => signal.aborted || done.problem !== undefined || leftOf(done) === 0
  const pace = createPace(rate)
  const page = { filter, maxRows: chunkSize(rate), maxBytes: MAX_CHUNK_BYTES }

  /** Once through the letters; what another replay has locked just then is passed over. */
  const pass = async (newest: string): Promise<void> => {
    let after = '0'
    for (;;) {
      await pace(page.maxRows, signal)
      if (signal.aborted) return
      const chunk = await replayChunk(deps, { ...page, after, upTo: newest }).catch(nothing)
      for (const problem of chunk.failed) failed.set(problem.id, problem)
      done.replayed.push(...chunk.replayed)
      done.failed = [...failed.values()]
      if (chunk.problem !== undefined) done.problem = chunk.problem
      onProgress(done)
      if (chunk.last === undefined || done.problem !== undefined) return
      after = chunk.last
    }
  }

  if (upTo === undefined) return done
  for (let before = -1; before < done.replayed.length && !isDone();) {
    before = done.replayed.length
    await pass(upTo)
    if (filter.state !== 'open') break // by number, each goes once
  }
  return done
}

/** Postgres went away: the chunk is as it was. */
const nothing = (thrown: unknown): Chunk => ({ replayed: [], failed: [], problem: toError(thrown) })

const leftOf = ({ asked, replayed, failed }: Replayed): number =>
  Math.max(0, asked - replayed.length - failed.length)

export const toReplayAnswer = ({ replayed, failed }: Replayed): Answer => ({
  document: { replayed, failed },
  text: () => `Replayed ${counted(replayed.length, 'dead letter')}.`
})

/** What to say of a replay that did not go all the way. */
export const replayFailure = (done: Replayed): Error | undefined => {
  const { replayed, failed, problem } = done
  const left = leftOf(done)
  const answer = toReplayAnswer(done)
  if (problem !== undefined) {
    if (replayed.length + failed.length === 0) return problem
    return new CommandError(
      codeOf(problem),
      `Stopped: ${problem.message}. Still to replay: ${counted(left, 'dead letter')}; run it again for the rest.`,
      { cause: problem, answer }
    )
  }
  if (left > 0) {
    return new CommandError(
      'INTERRUPTED',
      `Stopped; still to replay: ${counted(left, 'dead letter')}. Run it again for the rest.`,
      { answer }
    )
  }
  if (failed.length === 0) return undefined
  return new CommandError(
    'REPLAY_INCOMPLETE',
    `${counted(failed.length, 'dead letter')} cannot be replayed; discard what is beyond repair.`,
    { problems: failed.map(({ id, message }) => `${id}: ${message}`), answer }
  )
}
