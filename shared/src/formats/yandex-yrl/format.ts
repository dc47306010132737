import type { Change } from '../../change.ts'
import { RecordError } from '../../errors.ts'
import { textUnit, type OfferContent } from '../../offer.ts'
import { toIso, toMicros } from '../../time.ts'
import { isZero, toDecimal } from '../decimal.ts'
import type { Format, MappingContext } from '../format.ts'
import { leftoversOf } from '../leftovers.ts'
import { missing, wrong } from '../record-parser.ts'
import { definedUnits } from '../units.ts'
import { parseYrl, YrlRecordSchema, type YrlRecord } from './record.ts'
import { toArea, toPropertyType } from './words.ts'

/** Yandex.Realty's YRL, the feed of the Russian-speaking market; every decision is in README.md beside this file. */
export const yandexYrl: Format = {
  name: 'yandex-yrl',
  title: 'Yandex.Realty YRL feed',
  formatVersion: 1,
  id: ['@internal-id'],
  factAt: ['last-update-date'],
  feed: {
    records: {
      kind: 'xml',
      paths: [['realty-feed', 'offer']],
      lists: [['image'], ['sales-agent', 'phone']],
      generatedAt: ['realty-feed', 'generation-date']
    },
    gone: 'absent-from-snapshot'
  },
  webhook: false,
  covers: [
    'transaction',
    'propertyType',
    'listPrice',
    'livingArea',
    'lotSize',
    'rooms',
    'floor',
    'construction',
    'location',
    'coordinates',
    'media',
    'listAgent',
    'links',
    'extras',
    'text'
  ],
  recordSchema: YrlRecordSchema,
  ignored: [{ path: 'creation-date', reason: 'when the vendor wrote it down first' }],
  toChange: (record, context) => toUpsert(parseYrl(record), record, context)
}

const toUpsert = (offer: YrlRecord, record: unknown, context: MappingContext): Change => {
  const { location, 'sales-agent': agent, description, url } = offer
  const until = untilOf(offer, context)
  return {
    kind: 'upsert',
    ...(until === undefined ? {} : { until }),
    units: definedUnits({
      transaction: isSale(offer) ? 'sale' : 'rent',
      propertyType: toPropertyType(offer.category, offer['commercial-type']),
      listPrice: priceOf(offer),
      livingArea: toArea(offer.area),
      lotSize: toArea(offer['lot-area']),
      rooms: { roomsTotal: offer.rooms },
      floor: { floor: offer.floor, floorsTotal: offer['floors-total'] },
      construction: { yearBuilt: offer['built-year'], newConstruction: isNew(offer) },
      location: {
        country: location.country.trim(),
        stateOrProvince: location.region?.trim(),
        city: location['locality-name']?.trim(),
        district: districtOf(location),
        street: location.address?.trim()
      },
      coordinates: coordinatesOf(location),
      media: offer.image?.map((image) => ({ url: toUrl(image), category: 'photo' })),
      listAgent: {
        name: agent?.name?.trim(),
        phone: phonesOf(offer)[0],
        office: agent?.organization?.trim(),
        email: agent?.email?.trim()
      },
      links: url === undefined ? undefined : { und: toUrl(url) },
      extras: extrasOf(offer, record),
      ...(description === undefined ? {} : { [textUnit('und')]: { description } })
    })
  }
}

/** A date alone is a day on which the offer still holds. */
const DAY_ALONE = /^\d{4}-\d{2}-\d{2}$/
/** What MySQL writes for no date. */
const ZERO_DATE = /^0000-00-00/
/** Nothing expired before this: 0001-01-01, 1899-12-30 and 1970-01-01 are what programs write for no date. */
const FIRST_EXPIRY = '1971-01-01'

const untilOf = (offer: YrlRecord, { timeZone }: MappingContext): string | undefined => {
  const text = offer['expire-date']?.trim()
  if (text === undefined || ZERO_DATE.test(text)) return undefined
  try {
    const until = toIso(toMicros(DAY_ALONE.test(text) ? `${text}T23:59:59.999` : text, timeZone))
    return until < FIRST_EXPIRY ? undefined : until
  } catch (thrown) {
    if (!(thrown instanceof RecordError)) throw thrown
    throw wrong('/expire-date', 'send ISO 8601, like 2026-12-20T00:00:00+03:00')
  }
}

const isSale = ({ type }: YrlRecord): boolean => type === 'продажа' || type === 'sale'

const PERIODS = { месяц: 'month', month: 'month', день: 'day', day: 'day' } as const
/** The rouble of before 1998, which feeds still write for the one of today. */
const OLD_ROUBLE = 'RUR'

const priceOf = (offer: YrlRecord): OfferContent['listPrice'] => {
  const { value, currency, period, unit } = offer.price
  // The price of a square metre is nobody's total, and feeds do not say of which of their areas it is meant.
  if (unit !== undefined || isZero(value)) return { onRequest: true }
  const code = currency.trim().toUpperCase()
  return {
    amount: toDecimal(value),
    currency: code === OLD_ROUBLE ? 'RUB' : code,
    period: period === undefined ? (isSale(offer) ? 'total' : 'month') : PERIODS[period]
  }
}

const YES: ReadonlySet<string> = new Set(['1', 'true', 'да', '+'])
const isNew = ({ 'new-flat': flag }: YrlRecord): boolean | undefined =>
  flag === undefined ? undefined : YES.has(flag.trim().toLowerCase())

const districtOf = (location: YrlRecord['location']): string | undefined => {
  const parts = [location.district, location['sub-locality-name']].flatMap((part) => part?.trim() ?? [])
  return parts.length === 0 ? undefined : parts.join(', ')
}

const coordinatesOf = ({ latitude, longitude }: YrlRecord['location']): OfferContent['coordinates'] => {
  if (latitude === undefined && longitude === undefined) return undefined
  if (latitude === undefined) throw missing('/location/latitude', 'a longitude needs its latitude')
  if (longitude === undefined) throw missing('/location/longitude', 'a latitude needs its longitude')
  return { latitude, longitude }
}

/** Those that say something, the first one is the agent's. */
const phonesOf = ({ 'sales-agent': agent }: YrlRecord): string[] =>
  (agent?.phone ?? []).map((phone) => phone.trim()).filter((phone) => phone !== '')

const toUrl = (address: string): string => address.trim().replaceAll(/\s/g, '%20')

/** What no unit takes, a price by the square metre and an area in a unit nobody knows among it. */
const extrasOf = (offer: YrlRecord, record: unknown): Record<string, unknown> => {
  const { area, 'lot-area': lot, category } = offer
  const { value, currency, unit, period } = offer.price
  const [, ...phones] = phonesOf(offer)
  return {
    ...leftoversOf(YrlRecordSchema, record),
    ...(offer['commercial-type'] === undefined ? {} : { category }),
    ...(unit === undefined
      ? {}
      : { price: { value, currency, unit, ...(period === undefined ? {} : { period }) } }),
    ...(area !== undefined && toArea(area) === undefined ? { area: `${area.value} ${area.unit}` } : {}),
    ...(lot !== undefined && toArea(lot) === undefined ? { 'lot-area': `${lot.value} ${lot.unit}` } : {}),
    ...(phones.length === 0 ? {} : { 'sales-agent/phone': phones })
  }
}
