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
  /** Since when this scheduler is there, by the clock of `performance`. */
  awakeSince?: number
  log: Pick<Logger, 'debug' | 'info' | 'warn'>
}

/** Offers that are taken at once, and their words on the way to the broker together. */
const PAGE = 500
/** What is taken is nobody else's meanwhile (`takeExpired`), so no word waits for the broker for long. */
const WAIT_MS = 30_000

/**
 * Withdraws offers whose time is over, by the word of the record that said until when they are there. Any scheduler may
 * do it at any time: the word is the same whoever sends it, so it is one fact however often it arrives.
 */
export const createExpiry = ({
  db: { sql },
  publisher,
  exchange,
  awakeSince = performance.now(),
  log
}: ExpiredDeps): ((signal: AbortSignal) => Promise<void>) => {
  let isOut = false
  /** Resolves to how many words did not leave. */
  const send = async (offers: readonly ExpiredOffer[], signal: AbortSignal): Promise<number> => {
    const options = { wait: true, waitMs: WAIT_MS, signal }
    const words = offers.map((offer) => publisher.publish(toMessage(toExpired(offer), exchange), options))
    const answers = await Promise.allSettled(words)
    const unsent = offers.filter((_, index) => answers[index]?.status === 'rejected')
    if (unsent.length > 0) await giveBackExpired(sql, unsent)
    return unsent.length
  }
  return async (signal) => {
    await dropExpired(sql) // those whose word has arrived are under way no more
    let sent = 0
    for (let isLast = false; !isLast && !signal.aborted;) {
      const offers = await takeExpired(sql, { limit: PAGE, awakeMs: performance.now() - awakeSince })
      if (offers.length === 0) break
      const unsent = await send(offers, signal)
      sent += offers.length - unsent
      isLast = offers.length < PAGE || unsent > 0
      // Tried with every tick, and told once; who is stopped in the middle has no outage.
      if (unsent > 0)
        log[isOut || signal.aborted ? 'debug' : 'warn'](
          { unsent },
          'expired offers not withdrawn, soon again'
        )
      isOut = unsent > 0
    }
    if (sent > 0) log.info({ sent }, 'expired offers withdrawn')
  }
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
