import type { Db } from '@sluice/prisma/client'
import { readChanges } from '@sluice/prisma/tables/offer-changes'
import { markPublished, streamPosition } from '@sluice/prisma/tables/offer-stream'
import type { Publisher } from '@sluice/shared/broker'
import { toError } from '@sluice/shared/errors'
import { toOfferMessage, type WholeOfferChange } from '@sluice/shared/offer-change'
import type { Bell } from './bell.ts'
import { wavesOf } from './waves.ts'

export interface PublishingDeps {
  db: Pick<Db, 'sql'>
  publisher: Pick<Publisher, 'publish'>
  /** Name of the offers exchange. */
  exchange: string
  /** Rings when there is more to publish. */
  bell: Bell
  /** The last attempt failed: ask with one message, not with a batch that every consumer would hear again. */
  isCautious: () => boolean
  /** So many changes were confirmed. */
  onPublished: (count: number) => void
}

const BATCH = 200
/** A broker that is away for longer is left to the next attempt, perhaps of another worker. */
const PATIENCE_MS = 5_000
/** The bell tells; this is for one that was not rung. */
const IDLE_MS = 1_000

/**
 * Publishes the stream from where it is confirmed on, in its order, until the signal fires.
 * @throws what the broker or Postgres throws; the next attempt begins with the first change that is not confirmed
 */
export const keepPublishing = async (deps: PublishingDeps, until: AbortSignal): Promise<void> => {
  const { db, exchange, bell, isCautious, onPublished } = deps
  let { publishedSeq } = await streamPosition(db.sql)
  while (!until.aborted) {
    const changes = await readChanges(db.sql, { after: publishedSeq, limit: isCautious() ? 1 : BATCH })
    if (changes.length === 0) await bell.wait(IDLE_MS, until)
    const before = publishedSeq
    try {
      for (const wave of wavesOf(changes)) {
        await publishWave(deps, wave, exchange, until)
        publishedSeq = wave.at(-1)?.seq ?? publishedSeq
      }
    } finally {
      if (publishedSeq > before) {
        await markPublished(db.sql, publishedSeq)
        onPublished(publishedSeq - before)
      }
    }
  }
}

/** At once, but each confirmed before the next wave: no change of an offer may overtake another. */
const publishWave = async (
  { publisher }: PublishingDeps,
  wave: readonly WholeOfferChange[],
  exchange: string,
  until: AbortSignal
): Promise<void> => {
  const sent = wave.map((change) =>
    // Nobody has to listen: without a queue the message is dropped, and the change can still be read by its `seq`.
    publisher.publish(toOfferMessage(change, exchange), {
      wait: true,
      waitMs: PATIENCE_MS,
      mandatory: false,
      signal: until
    })
  )
  for (const result of await Promise.allSettled(sent)) {
    if (result.status === 'rejected') throw toError(result.reason)
  }
}
