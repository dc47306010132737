import type { Change } from '../../change.ts'
import {
  isTextUnit,
  REQUIRED_UNITS,
  textUnit,
  UNIT_FAMILIES,
  type OfferContent,
  type UnitName
} from '../../offer.ts'
import { toDecimal } from '../decimal.ts'
import { valueAt, type Format } from '../format.ts'
import { missing, wrong } from '../record-parser.ts'
import { definedUnits } from '../units.ts'
import { parseSluice, parseWithdrawal, SluiceRecordSchema, type SluiceRecord } from './record.ts'

/** Our own JSON, the default for a CRM that can adapt; README.md beside this file is its manual. */
export const sluice: Format = {
  name: 'sluice',
  title: 'Sluice JSON',
  formatVersion: 1,
  id: ['id'],
  factAt: ['updatedAt'],
  webhook: true,
  covers: UNIT_FAMILIES.filter((family) => family !== 'presence'),
  recordSchema: SluiceRecordSchema,
  ignored: [],
  toChange: (value) => {
    if (valueAt(value, ['change']) === 'withdraw') return toWithdrawal(value)
    const record = parseSluice(value)
    if (record.reason !== undefined) throw wrong('/reason', 'it belongs to "change": "withdraw"')
    return record.change === 'patch' ? toPatch(record) : toUpsert(record)
  }
}

/** The field that decides each unit; `docs/offer.md` shows it. The language texts are one field each: `texts.<lang>`. */
export const FIELD_OF = {
  standardStatus: 'status',
  transaction: 'transaction',
  propertyType: 'property',
  listPrice: 'price',
  livingArea: 'livingArea',
  buildingArea: 'buildingArea',
  lotSize: 'lotSize',
  rooms: 'rooms',
  floor: 'floor',
  construction: 'construction',
  ownership: 'ownership',
  location: 'location',
  coordinates: 'coordinates',
  features: 'features',
  media: 'images',
  energy: 'energy',
  listAgent: 'agent',
  links: 'links',
  listingId: 'reference',
  privateRemarks: 'privateNotes',
  extras: 'extras'
} as const satisfies Record<Exclude<keyof OfferContent, 'presence' | `text.${string}`>, keyof SluiceRecord>

type FieldUnit = keyof typeof FIELD_OF
const FIELDS = Object.entries(FIELD_OF) as [FieldUnit, keyof SluiceRecord][]

/**
 * A withdrawal may carry the whole offer (the CRM's serializer need not change); only its reason is read, so content
 * that is broken cannot keep a sold home on a portal.
 */
const toWithdrawal = (value: unknown): Change => {
  const given = valueAt(value, ['reason'])
  const isBlank = given === undefined || (typeof given === 'string' && given.trim() === '')
  const { reason } = parseWithdrawal({ reason: isBlank ? null : given })
  return { kind: 'withdraw', ...(reason === null ? {} : { reason }) }
}

const toUpsert = (record: SluiceRecord): Change => {
  const units = toUnits(record)
  const [first, ...others] = REQUIRED_UNITS.filter((unit) => units[unit] === undefined).map(
    (unit) => `/${FIELD_OF[unit]}`
  )
  if (first !== undefined) {
    const too = others.length === 0 ? '' : ` (missing as well: ${others.join(', ')})`
    throw missing(first, `an offer cannot be without it${too}; for a few fields only send "change": "patch"`)
  }
  return { kind: 'upsert', units }
}

const toPatch = (record: SluiceRecord): Change => {
  const units = toUnits(record)
  const clear = clearedUnits(record)
  for (const unit of REQUIRED_UNITS) {
    if (clear.includes(unit))
      throw wrong(`/${FIELD_OF[unit]}`, 'an offer cannot be without it, so null is refused')
  }
  if (Object.keys(units).length === 0 && clear.length === 0) {
    throw wrong('', 'the patch names no field to set, and none to clear with null')
  }
  return { kind: 'patch', units, clear }
}

/** Null, and what says as little as null: an empty object or list. */
const clearedUnits = (record: SluiceRecord): UnitName[] => {
  const units: UnitName[] = FIELDS.filter(([, field]) => isCleared(record[field])).map(([unit]) => unit)
  const texts = Object.entries(record.texts ?? {}).filter(([, value]) => isCleared(value))
  return [...units, ...texts.map(([language]) => textUnit(language)).filter(isTextUnit)]
}

const isCleared = (value: unknown): boolean =>
  value === null || (typeof value === 'object' && Object.keys(value).length === 0)

const toUnits = (record: SluiceRecord): Omit<OfferContent, 'presence'> => {
  const { rooms, floor, construction, location } = record
  return definedUnits({
    standardStatus: given(record.status),
    transaction: given(record.transaction),
    propertyType: given(record.property),
    listPrice: priceOf(record),
    livingArea: areaOf(record.livingArea),
    buildingArea: areaOf(record.buildingArea),
    lotSize: areaOf(record.lotSize),
    rooms: { roomsTotal: rooms?.total, bedroomsTotal: rooms?.bedrooms, bathroomsTotal: rooms?.bathrooms },
    floor: { floor: floor?.number, floorsTotal: floor?.total },
    construction: {
      newConstruction: construction?.isNew,
      yearBuilt: construction?.yearBuilt,
      condition: construction?.condition
    },
    ownership: given(record.ownership),
    location: locationOf(location),
    coordinates: given(record.coordinates),
    features: given(record.features),
    media: record.images?.map((image) => (typeof image === 'string' ? { url: image } : image)),
    energy: energyOf(record.energy),
    listAgent: given(record.agent),
    links: given(record.links),
    listingId: given(record.reference),
    privateRemarks: given(record.privateNotes),
    extras: given(record.extras),
    ...textsOf(record.texts)
  })
}

const given = <T>(value: T | null | undefined): T | undefined => value ?? undefined

const priceOf = ({ price, transaction }: SluiceRecord): OfferContent['listPrice'] => {
  if (price === undefined || price === null || Object.keys(price).length === 0) return undefined
  const { amount, currency, period, onRequest } = price
  if (onRequest === true) {
    if (amount !== undefined)
      throw wrong('/price/amount', 'a price on request has none; leave one of them out')
    return { onRequest }
  }
  if (amount === undefined) throw missing('/price/amount', 'a number, or "onRequest": true')
  if (currency === undefined) throw missing('/price/currency', 'three letters (ISO 4217), like EUR')
  const term = period ?? (transaction === 'sale' || transaction === 'auction' ? 'total' : undefined)
  if (term === undefined)
    throw missing('/price/period', 'total, day, week, month or year; only a sale may leave it out')
  return { amount: toDecimal(amount), currency, period: term }
}

const areaOf = (area: SluiceRecord['livingArea']): OfferContent['livingArea'] => {
  if (area === undefined || area === null) return undefined
  return typeof area === 'string'
    ? { value: toDecimal(area), unit: 'm2' }
    : { value: toDecimal(area.value), unit: area.unit }
}

const locationOf = (location: SluiceRecord['location']): OfferContent['location'] => {
  if (location === undefined || location === null) return undefined
  const { region, ...rest } = location
  return { ...rest, ...(region === undefined ? {} : { stateOrProvince: region }) }
}

const energyOf = (energy: SluiceRecord['energy']): OfferContent['energy'] => {
  if (energy === undefined || energy === null) return undefined
  const { consumption, ...rest } = energy
  return { ...rest, ...(consumption === undefined ? {} : { consumption: toDecimal(consumption) }) }
}

const textsOf = (texts: SluiceRecord['texts']): OfferContent =>
  Object.fromEntries(
    Object.entries(texts ?? {}).flatMap(([language, text]) =>
      text === null ? [] : [[textUnit(language), text]]
    )
  )
