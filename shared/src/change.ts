import type { OfferContent, UnitName } from './offer.ts'

/**
 * What a record means to us.
 * - `upsert` sets every unit its format covers (absent means absent) and makes the offer active – `until` then, an instant
 *   as `toIso` writes it: from there on it is withdrawn, as long as nothing newer says whether it is there;
 * - `patch` sets the units given and clears those listed; it never makes a withdrawn offer active;
 * - `withdraw` sets only the unit `presence`.
 */
export type Change =
  | { kind: 'upsert'; units: Omit<OfferContent, 'presence'>; until?: string }
  | { kind: 'patch'; units: Omit<OfferContent, 'presence'>; clear: readonly UnitName[] }
  | { kind: 'withdraw'; reason?: string }

/** The reason of an offer that a feed lists no more: ours alone, no record withdraws for it (`toSoundChange`). */
export const VANISHED = 'vanished'

/** The reason of an offer that was to be there until a time that is over. */
export const EXPIRED = 'expired'

export type ChangeKind = Change['kind']

/** What became of one message. The same words in logs, metrics, columns and answers. */
export const OUTCOMES = [
  'created',
  'updated',
  'unchanged',
  'stale',
  'withdrawn',
  'incomplete',
  'rejected',
  'retried',
  'dead'
] as const
export type Outcome = (typeof OUTCOMES)[number]
