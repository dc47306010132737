import type { Stamp } from '@sluice/shared/stamp'
import type { Sql } from '../client.ts'

/** A patch or a withdrawal came, and never the offer itself. */
export const OFFER_UNKNOWN = 'OFFER_UNKNOWN'

/**
 * Offers that have been incomplete since before an instant, by the source that spoke of them; told ones are left out.
 * The stamp is that of the newest that was heard, so that a rejection with it is news.
 */
export const listUnknownOffers = (
  sql: Sql,
  { before, limit }: { before: Date; limit: number }
): Promise<{ sourceId: number; sourceSlug: string; externalId: string; stamp: Stamp }[]> =>
  sql.$queryRaw`
    SELECT s.id AS "sourceId", s.slug AS "sourceSlug", o.external_id AS "externalId",
           GREATEST(said.stamp COLLATE "C", t.stamp, f.stamp) AS stamp
    FROM offers o CROSS JOIN LATERAL jsonb_each_text(o.source_stamps) AS said(slug, stamp)
    JOIN sources s ON s.slug = said.slug
    LEFT JOIN rejections t ON t.source_id = s.id AND t.external_id = o.external_id
    LEFT JOIN feed_records f ON f.source_id = s.id AND f.external_id = o.external_id
    -- The time of an offer moves with its revision, and an incomplete one has none yet.
    WHERE o.state = 'incomplete' AND o.updated_at < ${before}
      -- Gone before its record could be applied: nobody waits for that one.
      AND o.content #>> '{presence,reason}' IS DISTINCT FROM 'vanished'
      -- Another open rejection that is newer tells of the same offer, and more.
      AND (t.id IS NULL OR t.closed_at IS NOT NULL
           OR t.code <> ${OFFER_UNKNOWN} AND t.stamp <= said.stamp COLLATE "C")
    ORDER BY o.vendor_id, o.external_id, s.id LIMIT ${limit}`

/** The offer has come after all, if only with a fact that is older than what was said of it before. */
export const closeKnownOffers = (sql: Sql): Promise<number> =>
  sql.$executeRaw`
    UPDATE rejections t SET closed_at = now()
    FROM sources s, offers o
    WHERE t.code = ${OFFER_UNKNOWN} AND t.closed_at IS NULL AND s.id = t.source_id
      AND o.vendor_id = s.vendor_id AND o.external_id = t.external_id AND o.state <> 'incomplete'`
