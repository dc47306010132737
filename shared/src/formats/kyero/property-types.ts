import type { OfferContent, PROPERTY_TYPES } from '../../offer.ts'

type PropertyType = (typeof PROPERTY_TYPES)[number]

/**
 * Kyero has no closed list of types ("will be converted to a Kyero standard property type"), so these are the words
 * feeds use. A word that is not here becomes `other`: an offer is not refused for its vendor's vocabulary.
 */
const WORDS: Record<Exclude<PropertyType, 'other'>, readonly string[]> = {
  apartment: [
    'apartment',
    'apartamento',
    'duplex',
    'flat',
    'ground floor apartment',
    'loft',
    'penthouse',
    'piso',
    'studio',
    'triplex'
  ],
  house: [
    'bungalow',
    'casa',
    'cave house',
    'chalet',
    'cortijo',
    'cottage',
    'country estate',
    'country house',
    'detached house',
    'farmhouse',
    'finca',
    'house',
    'log cabin',
    'mansion',
    'masia',
    'mobile home',
    'quad house',
    'semi detached',
    'semi detached house',
    'semi detached villa',
    'terraced house',
    'town house',
    'townhouse',
    'village house',
    'villa',
    'wooden home'
  ],
  room: ['room', 'shared room'],
  land: ['building plot', 'land', 'parcela', 'plot', 'rustic land', 'urban plot'],
  commercial: [
    'bar',
    'business',
    'commercial',
    'commercial property',
    'hotel',
    'industrial',
    'local',
    'office',
    'restaurant',
    'retail',
    'shop',
    'storage room',
    'warehouse'
  ],
  parking: ['garage', 'parking', 'parking space'],
  building: ['apartment block', 'block of apartments', 'building']
}

const TYPE_OF: ReadonlyMap<string, PropertyType> = new Map(
  Object.entries(WORDS).flatMap(([type, words]) => words.map((word) => [word, type as PropertyType] as const))
)

/** The vendor's word is kept as `subType`, exactly as written. */
export const toPropertyType = (word: string): NonNullable<OfferContent['propertyType']> => ({
  type: TYPE_OF.get(normalized(word)) ?? 'other',
  subType: word
})

/** Kyero: "0 if unknown" – but a studio truly has no bedroom. */
export const isStudio = (word: string): boolean => normalized(word) === 'studio'

/** `Town-House`, `town_house` and `town  house` are one word. */
const normalized = (word: string): string =>
  word
    .toLowerCase()
    .replaceAll(/[\s_-]+/g, ' ')
    .trim()
