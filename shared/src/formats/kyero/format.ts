import type { Change } from '../../change.ts'
import { textUnit, type OfferContent } from '../../offer.ts'
import { isZero, toDecimal } from '../decimal.ts'
import type { Format } from '../format.ts'
import { leftoversOf } from '../leftovers.ts'
import { missing } from '../record-parser.ts'
import { definedUnits } from '../units.ts'
import { isStudio, toPropertyType } from './property-types.ts'
import { KyeroRecordSchema, parseKyero, type KyeroRecord } from './record.ts'

/** Kyero V3, the de-facto feed of Spain and Portugal; every decision is in README.md beside this file. */
export const kyero: Format = {
  name: 'kyero',
  title: 'Kyero XML feed, version 3',
  formatVersion: 1,
  id: ['id'],
  factAt: ['date'],
  feed: {
    records: {
      kind: 'xml',
      paths: [['root', 'property']],
      lists: [['images', 'image'], ['images', 'image', 'tags', 'tag'], ['features', 'feature'], ['custom']],
      generatedAt: ['root', 'kyero', 'feed_generated']
    },
    gone: 'absent-from-snapshot'
  },
  webhook: false,
  covers: [
    'transaction',
    'propertyType',
    'listPrice',
    'buildingArea',
    'lotSize',
    'rooms',
    'construction',
    'ownership',
    'location',
    'coordinates',
    'features',
    'media',
    'energy',
    'listAgent',
    'links',
    'listingId',
    'privateRemarks',
    'extras',
    'text'
  ],
  recordSchema: KyeroRecordSchema,
  ignored: [
    { path: 'images/image/@id', reason: 'images stand in the order they are shown; the number repeats it' },
    { path: 'prime', reason: "which of the vendor's offers Kyero itself promotes" }
  ],
  toChange: (record) => toUpsert(parseKyero(record), record)
}

const toUpsert = (property: KyeroRecord, record: unknown): Change => {
  const word = typeOf(property)
  const { built, plot } = property.surface_area ?? {}
  return {
    kind: 'upsert',
    units: definedUnits({
      ...priceOf(property),
      propertyType: toPropertyType(word),
      buildingArea: areaOf(built),
      lotSize: areaOf(plot),
      rooms: {
        bedroomsTotal: isStudio(word) ? property.beds : knownCount(property.beds),
        bathroomsTotal: knownCount(property.baths)
      },
      construction: { newConstruction: isNewBuild(property) ? true : property.new_build },
      ownership: { leasehold: property.leasehold, partOwnership: property.part_ownership },
      location: {
        country: property.country?.trim() ?? DEFAULT_COUNTRY,
        stateOrProvince: property.province?.trim(),
        city: property.town.trim(),
        postalCode: property.postcode?.trim(),
        detail: property.location_detail?.trim()
      },
      coordinates: coordinatesOf(property),
      features: featuresOf(property),
      media: mediaOf(property),
      energy: {
        consumptionRating: ratingOf(property.energy_rating?.consumption),
        emissionRating: ratingOf(property.energy_rating?.emissions)
      },
      listAgent: { email: property.email?.trim(), phone: property.contact_number?.trim() },
      links: linksOf(property.url),
      listingId: property.ref?.trim(),
      privateRemarks: property.notes,
      extras: leftoversOf(KyeroRecordSchema, record),
      ...textsOf(property.desc)
    })
  }
}

/** The specification: "defaults to Spain", and prices without a currency are euros. */
const DEFAULT_COUNTRY = 'spain'
const DEFAULT_CURRENCY = 'EUR'

const isNewBuild = ({ price_freq }: KyeroRecord): boolean => price_freq.trim().toLowerCase() === 'new_build'

/** `week` left the specification in V3.3; who still sends it lets to holidaymakers. */
const TERMS = {
  sale: { transaction: 'sale', period: 'total' },
  new_build: { transaction: 'sale', period: 'total' },
  month: { transaction: 'rent', period: 'month' },
  week: { transaction: 'seasonalRent', period: 'week' }
} as const satisfies Record<string, Pick<OfferContent, 'transaction'> & { period: string }>

const priceOf = (property: KyeroRecord): Pick<OfferContent, 'transaction' | 'listPrice'> => {
  const { transaction, period } = TERMS[property.price_freq.trim().toLowerCase() as keyof typeof TERMS]
  const price = property.price.trim()
  if (price.toLowerCase() === 'x' || isZero(price)) return { transaction, listPrice: { onRequest: true } }
  const currency = (property.currency ?? DEFAULT_CURRENCY).trim().toUpperCase()
  return { transaction, listPrice: { amount: toDecimal(price), currency, period } }
}

/** V2.1 gives the type in several languages; English decides, as it did for Kyero. */
const typeOf = ({ type }: KyeroRecord): string => (typeof type === 'string' ? type : type.en).trim()

const areaOf = (area: string | undefined): OfferContent['buildingArea'] =>
  area === undefined || isZero(area) ? undefined : { value: toDecimal(area), unit: 'm2' }

/** The specification: "0 if unknown". */
const knownCount = (count: number | undefined): number | undefined => (count === 0 ? undefined : count)

const coordinatesOf = ({ location }: KyeroRecord): OfferContent['coordinates'] => {
  const { latitude, longitude } = location ?? {}
  if (latitude === undefined && longitude === undefined) return undefined
  if (latitude === undefined) throw missing('/location/latitude', 'a longitude needs its latitude')
  if (longitude === undefined) throw missing('/location/longitude', 'a latitude needs its longitude')
  return latitude === 0 && longitude === 0 ? undefined : { latitude, longitude } // "0 if unknown"
}

const POOL = 'pool'

const featuresOf = ({ pool, features }: KyeroRecord): string[] => {
  const named = (features?.feature ?? []).map((feature) => feature.trim()).filter((feature) => feature !== '')
  const isNamed = named.some((feature) => feature.toLowerCase() === POOL)
  return pool === true && !isNamed ? [...named, POOL] : named
}

/** Images in document order, then the film and the tour: a portal shows what comes first. */
const mediaOf = (property: KyeroRecord): OfferContent['media'] => {
  const images = (property.images?.image ?? []).flatMap((image) => {
    if (typeof image === 'string' || image.url === undefined) return []
    const isFloorPlan = image.tags?.tag?.some((tag) => tag.trim().toLowerCase() === 'floorplan')
    return [{ url: toUrl(image.url), category: isFloorPlan ? 'floorPlan' : 'photo' }]
  })
  return [...images, ...film(property.video_url, 'video'), ...film(property.virtual_tour_url, 'virtualTour')]
}

const film = (url: string | undefined, category: string): { url: string; category: string }[] =>
  url === undefined ? [] : [{ url: toUrl(url), category }]

/** A blank inside an address means itself; browsers send it as %20. */
const toUrl = (address: string): string => address.trim().replaceAll(/\s/g, '%20')

/** X is Kyero's "no certificate, or not yet": the absence of a rating. */
const ratingOf = (rating: string | undefined): string | undefined => {
  const letter = rating?.trim().toUpperCase()
  return letter === 'X' ? undefined : letter
}

const linksOf = (url: KyeroRecord['url']): OfferContent['links'] =>
  Object.fromEntries(byLanguage(url).map(([language, address]) => [language, toUrl(address)]))

const textsOf = (desc: KyeroRecord['desc']): OfferContent =>
  Object.fromEntries(byLanguage(desc).map(([language, description]) => [textUnit(language), { description }]))

/** `und` (undetermined, ISO 639-2) when the vendor gives one value and no language. */
const byLanguage = (value: string | Record<string, string> | undefined): [string, string][] => {
  if (value === undefined) return []
  return typeof value === 'string' ? [['und', value]] : Object.entries(value).filter(isLanguage)
}

const isLanguage = ([name]: [string, string]): boolean => /^[a-z]{2,3}$/.test(name)
