import type { Publisher } from '@sluice/shared/broker'
import { NO_RECORD_HASH, recordHash, toMessage, type Envelope } from '@sluice/shared/envelope'
import type { Logger } from '@sluice/shared/log'
import { stampParts } from '@sluice/shared/stamp'
import type { Db } from '@sluice/prisma/client'
import { dropExpired, giveBackExpired, takeExpired, type ExpiredOffer } from '@sluice/prisma/tables/expiries'

export interface ExpiredDeps {
  db: Pick<Db, 'sql'>
  publisher: Pick<Publisher, 'publish'>
  exchange: string
  /** How long this scheduler has been there. */
  awakeMs: number
  log: Logger
}

/** Offers that are taken at once, and their words on the way to the broker together. */
const PAGE = 500

/**
 * Withdraws offers whose time is over, by the word of the record that said until when they are there. Any scheduler may
 * do it at any time: the word is the same whoever sends it, so it is one fact however often it arrives.
 */
export const withdrawExpired = async (
  { db: { sql }, publisher, exchange, awakeMs, log }: ExpiredDeps,
  signal: AbortSignal
): Promise<void> => {
  await dropExpired(sql) // those whose word has arrived are under way no more
  let sent = 0
  for (let isLast = false; !isLast && !signal.aborted;) {
    const offers = await takeExpired(sql, { limit: PAGE, awakeMs })
    const words = offers.map((offer) => publisher.publish(toMessage(toExpired(offer), exchange), { signal }))
    const answers = await Promise.allSettled(words)
    const unsent = offers.filter((_, index) => answers[index]?.status === 'rejected')
    sent += offers.length - unsent.length
    isLast = offers.length < PAGE || unsent.length > 0
    if (unsent.length === 0) continue
    await giveBackExpired(sql, unsent)
    log.warn({ unsent: unsent.length }, 'expired offers not withdrawn, soon again')
  }
  if (sent > 0) log.info({ sent }, 'expired offers withdrawn')
}

/**
 * The word that the time of an offer is over. Its stamp is just behind that of the record which said when: whatever is
 * newer than that record has decided otherwise, be it applied by now or not.
 */
export const toExpired = (offer: ExpiredOffer): Envelope => {
  const { factAt, receivedAt, ordinal, formatVersion } = stampParts(offer.stamp)
  const { externalId, runId, sourceSlug: source, expiresAt: expiredAt } = offer
  return {
    messageId: `expired.${recordHash(`${source} ${externalId} ${offer.stamp}`).slice(0, 32)}`,
    type: 'vanished',
    vendor: offer.vendorSlug,
    source,
    format: offer.format,
    formatVersion,
    lane: runId === undefined ? 'webhook' : 'feed',
    externalId,
    factAt,
    factAtFrom: 'record',
    expiredAt,
    receivedAt,
    ordinal: ordinal + 1,
    recordHash: NO_RECORD_HASH,
    sourceRevision: offer.sourceRevision,
    attempt: 0,
    body: Buffer.alloc(0),
    ...(runId === undefined ? {} : { run: runId })
  }
}
