import type { OfferContent, PROPERTY_TYPES } from '../../offer.ts'
import { toDecimal } from '../decimal.ts'

type PropertyType = (typeof PROPERTY_TYPES)[number]

/** Categories, as the specification writes them in Russian and English. One that is not here is `other`. */
const CATEGORIES: Record<Exclude<PropertyType, 'other' | 'building'>, readonly string[]> = {
  apartment: ['квартира', 'flat'],
  room: ['комната', 'room', 'доля', 'share'],
  house: [
    'дом',
    'house',
    'дом с участком',
    'house with lot',
    'коттедж',
    'cottage',
    'часть дома',
    'part of house',
    'таунхаус',
    'townhouse',
    'дуплекс',
    'duplex',
    'дача',
    'dacha'
  ],
  land: ['участок', 'земельный участок', 'lot', 'land'],
  commercial: ['коммерческая', 'commercial'],
  parking: ['гараж', 'garage', 'машиноместо', 'parking place']
}

const BY_WORD: ReadonlyMap<string, PropertyType> = new Map(
  Object.entries(CATEGORIES).flatMap(([type, words]) => words.map((word) => [word, type as PropertyType]))
)

export const toPropertyType = (category: string, kind: string | undefined): OfferContent['propertyType'] => ({
  type: BY_WORD.get(category.trim().toLowerCase()) ?? 'other',
  subType: (kind ?? category).trim()
})

type Area = NonNullable<OfferContent['livingArea']>

/** Letters of the unit alone; some feeds write сотка with a Latin c. */
const lettersOf = (unit: string): string =>
  unit
    .toLowerCase()
    .replaceAll(/[^\p{L}\d²]/gu, '')
    .replace(/^c(?=от)/, 'с')

const WORDS: Record<'m2' | 'ha' | 'acre' | 'are', readonly string[]> = {
  m2: ['квм', 'м²', 'м2', 'sqm', 'm²', 'm2'],
  ha: ['га', 'гектар', 'ha', 'hectare'],
  acre: ['акр', 'acre'],
  // A hundred square metres.
  are: ['сот', 'сотка', 'сотки', 'соток', 'are']
}

const UNITS: ReadonlyMap<string, string> = new Map(
  Object.entries(WORDS).flatMap(([unit, words]) => words.map((word) => [word, unit] as const))
)

/** `undefined` for a unit nobody knows: a number without its unit is no area. */
export const toArea = (area: { value: string; unit: string } | undefined): Area | undefined => {
  const unit = area === undefined ? undefined : UNITS.get(lettersOf(area.unit))
  if (area === undefined || unit === undefined) return undefined
  const value = toDecimal(area.value)
  return unit === 'are' ? { value: hundredTimes(value), unit: 'm2' } : { value, unit }
}

const hundredTimes = (value: string): string => {
  const [whole = '', fraction = ''] = value.split('.')
  const digits = fraction.padEnd(2, '0')
  return toDecimal(`${whole}${digits.slice(0, 2)}.${digits.slice(2)}`)
}
