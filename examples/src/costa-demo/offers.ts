import { createChance, type Chance } from './chance.ts'
import type { Language } from './texts.ts'
import { TOWNS } from './towns.ts'

/** An offer of the demo vendor, as its CRM would hold it. Nobody's home: everything here is made up. */
export interface DemoOffer {
  id: string
  reference: string
  /** `YYYY-MM-DD HH:MM:SS`, Spanish wall-clock time, as Kyero writes it. */
  updatedAt: string
  price: number
  priceFrequency: 'sale' | 'month'
  newBuild: boolean
  type: 'villa' | 'apartment' | 'penthouse' | 'town house' | 'bungalow' | 'country house' | 'plot'
  town: string
  province: string
  district: string
  latitude: string
  longitude: string
  beds: number
  baths: number
  pool: boolean
  /** Built area in m²; 0 for a plot. */
  built: number
  /** Plot area in m²; 0 when it has none of its own. */
  plot: number
  energyRating?: string
  languages: readonly Language[]
  features: readonly string[]
  images: readonly string[]
}

const SEED = 20_261_123
const FIRST_ID = 41_001

const TYPES: readonly DemoOffer['type'][] = [
  'apartment',
  'apartment',
  'apartment',
  'villa',
  'villa',
  'town house',
  'penthouse',
  'bungalow',
  'country house',
  'plot'
]

const FEATURES = [
  'air conditioning',
  'alarm',
  'close to golf',
  'communal garden',
  'fitted kitchen',
  'garage',
  'lift',
  'near beach',
  'near schools',
  'roof terrace',
  'sea views',
  'solar panels',
  'storage room',
  'underfloor heating',
  'wheelchair access'
]

const PLOT_FEATURES = [
  'building licence',
  'close to golf',
  'corner plot',
  'level ground',
  'near beach',
  'sea views'
]

const LANGUAGE_SETS: readonly (readonly Language[])[] = [
  ['en', 'es'],
  ['en', 'es', 'de'],
  ['en', 'es', 'nl'],
  ['en', 'es', 'de', 'nl'],
  ['es']
]

/** The first `count` offers of the demo vendor: the same ones every time, whatever `count` is. */
export const createDemoOffers = (count: number): DemoOffer[] => {
  const chance = createChance(SEED)
  return Array.from({ length: count }, (_, index) => createDemoOffer(index, chance))
}

const createDemoOffer = (index: number, chance: Chance): DemoOffer => {
  const id = String(FIRST_ID + index)
  const { districts, euroPerSquareMetre, latitude, longitude, town, province } = chance.oneOf(TOWNS)
  const type = chance.oneOf(TYPES)
  const isPlot = type === 'plot'
  const beds = isPlot ? 0 : chance.between(1, type === 'villa' || type === 'country house' ? 6 : 3)
  const built = isPlot ? 0 : 28 + beds * chance.between(22, 45)
  const plot = hasLand(type) ? chance.between(3, 30) * 50 + built : 0
  const isRental = !isPlot && chance.happens(0.15)
  const worth = isPlot ? plot * 160 : built * euroPerSquareMetre + plot * 40
  const asked = worth * (0.85 + chance.next() * 0.4)
  return {
    id,
    reference: `CD-${id}`,
    updatedAt: wallClock(chance),
    price: isRental ? Math.round(asked / 250 / 25) * 25 : Math.round(asked / 1000) * 1000 - 5,
    priceFrequency: isRental ? 'month' : 'sale',
    newBuild: !isRental && chance.happens(0.2),
    type,
    town,
    province,
    district: chance.oneOf(districts),
    latitude: (latitude + (chance.next() - 0.5) / 50).toFixed(6),
    longitude: (longitude + (chance.next() - 0.5) / 50).toFixed(6),
    beds,
    baths: isPlot ? 0 : Math.max(1, beds - chance.between(0, 2)),
    pool: !isPlot && chance.happens(type === 'villa' ? 0.8 : 0.4),
    built,
    plot,
    ...(isPlot ? {} : { energyRating: chance.oneOf(['A', 'B', 'C', 'D', 'E', 'F', 'G']) }),
    languages: chance.oneOf(LANGUAGE_SETS),
    features: isPlot ? chance.some(PLOT_FEATURES, 2) : chance.some(FEATURES, chance.between(2, 7)),
    images: Array.from(
      { length: chance.between(3, 14) },
      (_, place) => `https://images.costa-demo.example/${id}/${place + 1}.jpg`
    )
  }
}

const hasLand = (type: DemoOffer['type']): boolean =>
  type === 'plot' || type === 'villa' || type === 'country house' || type === 'town house'

/** Some moment of the year 2026 up to October, so that the demo's webhooks are always newer. */
const wallClock = (chance: Chance): string => {
  const date = `2026-${two(chance.between(1, 10))}-${two(chance.between(1, 28))}`
  return `${date} ${two(chance.between(8, 19))}:${two(chance.between(0, 59))}:${two(chance.between(0, 59))}`
}

const two = (value: number): string => String(value).padStart(2, '0')
