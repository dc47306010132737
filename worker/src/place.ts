import type { OfferContent } from '@sluice/shared/offer'
import type { Place } from '@sluice/prisma/tables/locations'

type Location = NonNullable<OfferContent['location']>

/**
 * The place an offer is in, with the key under which it is known: case, accents' encoding and white space do not make
 * another place; spelling does.
 */
export const placeOf = ({ country, stateOrProvince, city, district }: Location): Place => ({
  // The unit separator cannot be part of a name: `normalised` turns it into a space.
  key: [country, stateOrProvince, city, district].map((name) => normalised(name ?? '')).join('\u001F'),
  country,
  ...(stateOrProvince === undefined ? {} : { stateOrProvince }),
  ...(city === undefined ? {} : { city }),
  ...(district === undefined ? {} : { district })
})

const normalised = (name: string): string =>
  name
    .normalize('NFKC')
    .replaceAll(/[\s\p{Cc}]+/gu, ' ')
    .trim()
    .toLowerCase()
