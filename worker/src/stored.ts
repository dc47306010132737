import type { OfferState } from '@sluice/shared/merge'
import type { Place } from '@sluice/prisma/tables/locations'
import type { StoredOffer } from '@sluice/prisma/tables/offers'
import type { Locations } from './locations.ts'
import { placeOf } from './place.ts'
import type { OfferPlan } from './plan.ts'

/** The rows of the offers that plans want written, each with the id of its place. */
export const toStoredOffers = async (
  plans: readonly OfferPlan[],
  locations: Locations
): Promise<StoredOffer[]> => {
  const writes = plans.flatMap(({ key, read, next }) => (next === undefined ? [] : [{ key, read, next }]))
  const moves = writes.map(({ read, next }) => newPlace(read, next))
  const places = moves.filter((place) => place !== undefined)
  const ids = places.length === 0 ? new Map<string, number>() : await locations.resolve(places)
  return writes.map(({ key, read, next }, index): StoredOffer => {
    const rowVersion = read?.rowVersion ?? 0
    const place = moves[index]
    const locationId = place === undefined ? stayedAt(read, next) : ids.get(place.key)
    return Object.assign({ ...key, ...next, rowVersion }, locationId === undefined ? {} : { locationId })
  })
}

/** Where the offer is, unless it is nowhere, or where we last looked up the place. */
const newPlace = (read: StoredOffer | undefined, next: OfferState): Place | undefined => {
  const [before, after] = [read?.content.location, next.content.location]
  if (after === undefined) return undefined
  const place = placeOf(after)
  const isKnown = before !== undefined && read?.locationId !== undefined && placeOf(before).key === place.key
  return isKnown ? undefined : place
}

const stayedAt = (read: StoredOffer | undefined, next: OfferState): number | undefined =>
  next.content.location === undefined ? undefined : read?.locationId
