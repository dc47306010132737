import type { Db, RawSql } from '@sluice/prisma/client'
import { readPlacedChanges, readUnitTexts, type PlacedChange } from '@sluice/prisma/tables/offer-changes'
import { markPublished, streamPosition } from '@sluice/prisma/tables/offer-stream'
import type { Publisher } from '@sluice/shared/broker'
import { encodeUtf8 } from '@sluice/shared/encode-utf8'
import { toError } from '@sluice/shared/errors'
import { toOfferMessage, type OfferChangeJson } from '@sluice/shared/offer-change'
import type { Bell } from './bell.ts'
import type { Recent } from './recent.ts'
import { wavesOf } from './waves.ts'

export interface PublishingDeps {
  db: Pick<Db, 'direct'>
  publisher: Pick<Publisher, 'publish'>
  /** Name of the offers exchange. */
  exchange: string
  /** Rings when there is more to publish. */
  bell: Bell
  /** What need not be read again. */
  recent: Pick<Recent, 'find' | 'drop'>
  /** The last attempt failed: ask with one message, not with a batch that every consumer would hear again. */
  isCautious: () => boolean
  /** So many changes were confirmed. */
  onPublished: (count: number) => void
}

const BATCH = 500
/** Of the units of a batch: well within what the publisher has under way at once. */
const MOST_BYTES = 4_000_000
/** A broker that is away for longer is left to the next attempt, perhaps of another worker. */
const PATIENCE_MS = 5_000
/** The bell tells; this is for one that was not rung. */
const IDLE_MS = 1_000

/**
 * Publishes the stream from where it is confirmed on, in its order, until the signal fires.
 * @throws what the broker or Postgres throws; the next attempt begins with the first change that is not confirmed
 */
export const keepPublishing = async (deps: PublishingDeps, until: AbortSignal): Promise<void> => {
  const { db, exchange, bell, recent, isCautious, onPublished } = deps
  let { publishedSeq } = await streamPosition(db.direct.sql)
  while (!until.aborted) {
    const placed = await readPlacedChanges(db.direct.sql, {
      after: publishedSeq,
      limit: isCautious() ? 1 : BATCH
    })
    const changes = await withUnits(db.direct.sql, placed, recent)
    if (changes.length === 0) await bell.wait(IDLE_MS, until)
    const before = publishedSeq
    try {
      for (const wave of wavesOf(changes)) {
        const { confirmed, error } = await publishWave(deps, wave, exchange, until)
        publishedSeq = confirmed.at(-1)?.seq ?? publishedSeq
        if (error !== undefined) throw error
      }
    } finally {
      if (publishedSeq > before) {
        await markPublished(db.direct.sql, publishedSeq)
        recent.drop(placed.slice(0, publishedSeq - before)) // the stream has no gap
        onPublished(publishedSeq - before)
      }
    }
  }
}

/**
 * From the first on, as many of the changes as there are units of: what is not known here is read, a page at most, and
 * all together is not much more than a page.
 */
const withUnits = async (
  sql: RawSql,
  placed: readonly PlacedChange[],
  recent: Pick<Recent, 'find'>
): Promise<OfferChangeJson[]> => {
  const known = new Map<number, Buffer>()
  for (const change of placed) {
    const units = recent.find(change)
    if (units !== undefined) known.set(change.seq, units)
  }
  const unknown = placed.map(({ seq }) => seq).filter((seq) => !known.has(seq))
  for (const { seq, units } of await readUnitTexts(sql, unknown)) known.set(seq, encodeUtf8(units))
  const changes: OfferChangeJson[] = []
  let bytes = 0
  for (const { vendorId: _vendorId, ...change } of placed) {
    const units = known.get(change.seq)
    if (units === undefined || bytes >= MOST_BYTES) break
    changes.push({ ...change, units })
    bytes += units.length
  }
  return changes
}

/**
 * At once; the next wave waits for all of it, so that no change of an offer overtakes another. What is confirmed up to
 * the first that is not counts, so that a broker who takes a few of many is got through.
 */
const publishWave = async (
  { publisher }: PublishingDeps,
  wave: readonly OfferChangeJson[],
  exchange: string,
  until: AbortSignal
): Promise<{ confirmed: readonly OfferChangeJson[]; error?: Error }> => {
  const sent = wave.map((change) =>
    // Nobody has to listen: without a queue the message is dropped, and the change can still be read by its `seq`.
    publisher.publish(toOfferMessage(change, exchange), {
      wait: true,
      waitMs: PATIENCE_MS,
      mandatory: false,
      signal: until
    })
  )
  const results = await Promise.allSettled(sent)
  const failed = results.findIndex(({ status }) => status === 'rejected')
  const failure = results[failed]
  if (failure?.status !== 'rejected') return { confirmed: wave }
  return { confirmed: wave.slice(0, failed), error: toError(failure.reason) }
}
