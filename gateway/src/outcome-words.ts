import type { Outcome } from '@sluice/shared/change'

/** What became of a record, as its vendor is told: `retried` is none of his business, `queued` is not an end. */
export const OUTCOME_WORDS: Readonly<Record<Exclude<Outcome, 'retried'> | 'queued', string>> = {
  queued: 'not applied yet; the only one that is not final',
  created: 'we know the offer now',
  updated: 'something of the offer changed',
  unchanged: 'it said what we knew already',
  stale: 'we have newer facts of all it says, so nothing changed',
  withdrawn: 'the offer is not offered any more',
  incomplete:
    'kept, but we do not know the offer: it was a patch or a withdrawal, and waits unseen for an upsert of the whole offer',
  rejected:
    'it can never be applied as it stands; `code`, `path` and `message` say why. Mend it and send it again',
  dead: 'kept on our side, to be applied when we have mended something'
}
