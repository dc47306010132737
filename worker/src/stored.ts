import type { OfferContent } from '@sluice/shared/offer'
import type { StoredOffer } from '@sluice/prisma/tables/offers'
import type { Locations } from './locations.ts'
import type { OfferState } from './merge.ts'
import { placeOf } from './place.ts'
import type { OfferPlan } from './plan.ts'

/** The rows of the offers that plans want written, each with the id of its place. */
export const toStoredOffers = async (
  plans: readonly OfferPlan[],
  locations: Locations
): Promise<StoredOffer[]> => {
  const writes = plans.flatMap(({ key, read, next }) => (next === undefined ? [] : [{ key, read, next }]))
  const places = writes.flatMap(({ read, next }) =>
    hasMoved(read, next) ? [placeOf(next.content.location)] : []
  )
  const ids = places.length === 0 ? new Map<string, number>() : await locations.resolve(places)
  return writes.map(({ key, read, next }): StoredOffer => {
    const rowVersion = read?.rowVersion ?? 0
    const locationId = hasMoved(read, next)
      ? ids.get(placeOf(next.content.location).key)
      : stayedAt(read, next)
    return Object.assign({ ...key, ...next, rowVersion }, locationId === undefined ? {} : { locationId })
  })
}

type Placed = OfferState & { content: { location: NonNullable<OfferContent['location']> } }

/** Whether the offer is somewhere, and not where we last looked up the place. */
const hasMoved = (read: StoredOffer | undefined, next: OfferState): next is Placed => {
  const [before, after] = [read?.content.location, next.content.location]
  if (after === undefined) return false
  if (before === undefined || read?.locationId === undefined) return true
  return placeOf(before).key !== placeOf(after).key
}

const stayedAt = (read: StoredOffer | undefined, next: OfferState): number | undefined =>
  next.content.location === undefined ? undefined : read?.locationId
