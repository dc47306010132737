import type { Db } from '@sluice/prisma/client'
import { openRejections } from '@sluice/prisma/tables/rejections'
import { closeKnownOffers, listUnknownOffers, OFFER_UNKNOWN } from '@sluice/prisma/tables/unknown-offers'
import type { Reporter } from '@sluice/shared/sentry'

export interface UnknownOffersDeps {
  db: Db
  reporter: Pick<Reporter, 'rejection'>
  now?: () => Date
}

/** So long a patch may be ahead of its offer. */
const PATIENCE_MS = 7 * 24 * 3_600_000
const BATCH_SIZE = 1_000
const MESSAGE = 'Only changes of this offer have come, never the offer itself: send it whole once'

/**
 * Tells, once, of offers nobody can see because only changes of them have come, as a rejection of the source that sent
 * them; and takes it back when the offer has come after all. Many are told of a part at a time.
 */
export const reportUnknownOffers = async ({
  db: { sql },
  reporter,
  now = () => new Date()
}: UnknownOffersDeps): Promise<void> => {
  await closeKnownOffers(sql)
  const before = new Date(now().getTime() - PATIENCE_MS)
  const offers = await listUnknownOffers(sql, { before, limit: BATCH_SIZE })
  await openRejections(
    sql,
    offers.map(({ sourceId, externalId, stamp }) => ({
      sourceId,
      externalId,
      stamp,
      code: OFFER_UNKNOWN,
      message: MESSAGE
    }))
  )
  for (const { sourceSlug: source } of offers) {
    reporter.rejection({ source, code: OFFER_UNKNOWN, message: MESSAGE })
  }
}
