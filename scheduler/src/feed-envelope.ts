import type { FeedRunRow } from '@sluice/prisma/tables/feed-runs'
import type { SourceRow } from '@sluice/prisma/tables/sources'
import type { Envelope } from '@sluice/shared/envelope'
import type { Format } from '@sluice/shared/formats'

/** Where every message of a run comes from. */
interface Origin {
  run: Pick<FeedRunRow, 'id'>
  source: SourceRow
  format: Pick<Format, 'name' | 'formatVersion'>
}

/** What a message of a run says for itself. */
type Own = Pick<
  Envelope,
  'type' | 'externalId' | 'factAt' | 'factAtFrom' | 'receivedAt' | 'ordinal' | 'recordHash' | 'body'
>

/** A message of a run, at its first attempt. */
export const toFeedEnvelope = ({ run, source, format }: Origin, own: Own): Envelope => ({
  messageId: `${run.id}.${own.ordinal}`,
  vendor: source.vendorSlug,
  source: source.slug,
  format: format.name,
  formatVersion: format.formatVersion,
  lane: 'feed',
  sourceRevision: source.revision,
  run: run.id,
  attempt: 0,
  ...own
})
