import { lockDeadLetters, markReplayed, type Page } from '@sluice/prisma/tables/dead-letter-acts'
import { toReplay } from '@sluice/shared/replay'
import type { Chunk, ReplayDeps } from '../../../cli/src/replay-chunk.ts'

/** As the real one, but what is about to be sent counts as sent. */
export const replayChunk = async (
  { transaction, publisher, topology, by }: ReplayDeps,
  page: Page
): Promise<Chunk> => {
  const letters = await transaction(async (tx) => {
    const locked = await lockDeadLetters(tx, page)
    await markReplayed(
      tx,
      locked.map(({ id }) => id),
      by
    )
    return locked
  })
  await Promise.all(letters.map((letter) => publisher.publish(toReplay(letter, topology), { wait: true })))
  const last = letters.at(-1)?.id
  return { replayed: letters.map(({ id }) => id), failed: [], ...(last === undefined ? {} : { last }) }
}
