import type { WholeOfferChange } from '@sluice/shared/offer-change'

/** Somebody's copy of all offers, as the stream out tells them. */
export interface OfferCopy {
  /** Everything up to this place of the stream is in it. */
  position: number
  /** By `vendor externalId`. */
  offers: Map<string, CopiedOffer>
}

export interface CopiedOffer {
  vendor: string
  externalId: string
  revision: number
  /** Unit → value, as `docs/offer.md` lists them; `presence` says whether it is still offered. */
  units: Record<string, unknown>
}

export const emptyCopy = (): OfferCopy => ({ position: 0, offers: new Map() })

/**
 * Applies a change. One that was applied before, or came after a later one, is known by its revision and changes
 * nothing. The copy is changed in place.
 */
export const applyChange = (copy: OfferCopy, change: WholeOfferChange): void => {
  const { seq, vendor, externalId, revision, units } = change
  const key = `${vendor} ${externalId}`
  const known = copy.offers.get(key)
  if (revision > (known?.revision ?? 0)) {
    const next = { ...known?.units }
    for (const [unit, value] of Object.entries(units)) {
      if (value.new === undefined) delete next[unit]
      else next[unit] = value.new
    }
    copy.offers.set(key, { vendor, externalId, revision, units: next })
  }
  copy.position = Math.max(copy.position, seq)
}
