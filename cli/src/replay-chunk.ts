import type { Sql } from '@sluice/prisma/client'
import { lockDeadLetters, markReplayed, type By, type Page } from '@sluice/prisma/tables/dead-letter-acts'
import type { Publisher } from '@sluice/shared/broker'
import { codeOf, DependencyError, toError } from '@sluice/shared/errors'
import { toReplay } from '@sluice/shared/replay'
import type { Topology } from '@sluice/shared/topology'

export interface ReplayDeps {
  transaction: <T>(work: (tx: Sql) => Promise<T>) => Promise<T>
  publisher: Publisher
  topology: Topology
  by: By
}

export interface Chunk {
  /** The last letter that was looked at; absent when there was none left. */
  last?: string
  replayed: string[]
  /** Those that cannot be replayed, whatever the broker does. */
  failed: Unreplayable[]
  /** Why the broker did not take some of them; they are as they were. */
  problem?: Error
}

export interface Unreplayable {
  id: string
  code: string
  message: string
}

/** Less than the 30 s for which Postgres lets the transaction stand idle meanwhile. */
const SEND_TIMEOUT_MS = 10_000

/**
 * A few letters, in one transaction: locked, sent into their lanes, and each marked only because the broker has
 * confirmed it. Who is killed in between leaves them as they were: sent once more by the next replay, and never lost.
 */
export const replayChunk = (
  { transaction, publisher, topology, by }: ReplayDeps,
  page: Page
): Promise<Chunk> =>
  transaction(async (tx) => {
    const letters = await lockDeadLetters(tx, page)
    const signal = AbortSignal.timeout(SEND_TIMEOUT_MS)
    const chunk: Chunk = { replayed: [], failed: [] }
    await Promise.all(
      letters.map(async (letter) => {
        try {
          await publisher.publish(toReplay(letter, topology), { wait: true, signal })
          chunk.replayed.push(letter.id)
        } catch (thrown) {
          const error = signal.aborted ? silent(thrown) : toError(thrown)
          if (error instanceof DependencyError) chunk.problem ??= error
          else chunk.failed.push({ id: letter.id, code: codeOf(error), message: error.message })
        }
      })
    )
    await markReplayed(tx, chunk.replayed, by)
    const last = letters.at(-1)?.id
    return last === undefined ? chunk : { ...chunk, last }
  })

const silent = (cause: unknown): DependencyError =>
  new DependencyError('rabbitmq', 'BROKER_DOWN', 'RabbitMQ takes no messages', { cause })
