import type { Change } from '../../change.ts'
import { textUnit, type OfferContent } from '../../offer.ts'
import { isEmptyElement } from '../convert.ts'
import { isZero, toDecimal } from '../decimal.ts'
import { valueAt, type Format } from '../format.ts'
import { leftoversOf } from '../leftovers.ts'
import { missing } from '../record-parser.ts'
import { definedUnits } from '../units.ts'
import { mediaOf } from './media.ts'
import { toPropertyType } from './property-types.ts'
import { parseRightmove, RightmoveRecordSchema, type RightmoveRecord } from './record.ts'

/** Rightmove's BLM, version 3: what British agency software exports; every decision is in README.md beside this file. */
export const rightmoveBlm: Format = {
  name: 'rightmove-blm',
  title: 'Rightmove BLM file, version 3',
  formatVersion: 1,
  id: ['AGENT_REF'],
  factAt: ['UPDATE_DATE'],
  feed: { records: { kind: 'blm' }, gone: 'absent-from-snapshot' },
  webhook: false,
  covers: [
    'standardStatus',
    'transaction',
    'propertyType',
    'listPrice',
    'rooms',
    'construction',
    'ownership',
    'location',
    'features',
    'media',
    'listAgent',
    'extras',
    'text'
  ],
  recordSchema: RightmoveRecordSchema,
  ignored: [
    { path: 'CREATE_DATE', reason: 'when the agency wrote it down first' },
    { path: 'COUNTRY_CODE', reason: 'GB is the only one that is read, and what none means' }
  ],
  toChange: (record) => (isHidden(record) ? HIDDEN : toUpsert(parseRightmove(record), record))
}

/** Only the flag is read then: a row that is broken besides cannot keep a hidden property on a portal. */
const isHidden = (record: unknown): boolean => {
  const flag = valueAt(record, ['PUBLISHED_FLAG'])
  return flag === 0 || (typeof flag === 'string' && flag.trim() === '0')
}
const HIDDEN: Change = { kind: 'withdraw', reason: 'unpublished' }

/** Places of the overseas files (`Version : 3i`), whose prices are in the money of a country they must name. */
const OVERSEAS = ['OS_TOWN_CITY', 'OS_REGION', 'ZIPCODE']

const demandCountry = ({ COUNTRY_CODE }: RightmoveRecord, record: unknown): void => {
  if (COUNTRY_CODE !== undefined) return
  if (OVERSEAS.every((column) => isEmptyElement(valueAt(record, [column])))) return
  throw missing(
    '/COUNTRY_CODE',
    `a row with ${OVERSEAS.join(', ')} must say GB; properties overseas are not read yet`
  )
}

const toUpsert = (row: RightmoveRecord, record: unknown): Change => {
  demandCountry(row, record)
  const { media, columns } = mediaOf(record)
  return {
    kind: 'upsert',
    units: definedUnits({
      standardStatus: STATUSES[row.STATUS_ID ?? 0],
      transaction: isLet(row) ? 'rent' : 'sale',
      propertyType: toPropertyType(row.PROP_SUB_ID),
      listPrice: priceOf(row),
      rooms: { bedroomsTotal: row.BEDROOMS, bathroomsTotal: row.BATHROOMS },
      construction: {
        newConstruction: row.NEW_HOME_FLAG === undefined ? undefined : row.NEW_HOME_FLAG === 'Y'
      },
      ownership: ownershipOf(row),
      location: locationOf(row),
      features: featuresOf(row),
      media,
      listAgent: { office: row.BRANCH_ID?.trim() },
      extras: extrasOf(row, record, columns),
      ...textsOf(row)
    })
  }
}

const isLet = ({ TRANS_TYPE_ID }: RightmoveRecord): boolean => TRANS_TYPE_ID === 2

/** By number: available, sold subject to contract (also in Scotland), under offer, reserved, let agreed. */
const STATUSES: readonly OfferContent['standardStatus'][] = [
  'active',
  'pending',
  'pending',
  'underContract',
  'underContract',
  'pending'
]

/** Price on application. */
const POA = 1
const SHARED_OWNERSHIP = 9
const PART_BUY_PART_RENT = 11

/** Of a rent, by number; per person and week (5) is a week's, and `extras` says that it is one person's. */
const PERIODS = ['week', 'month', 'year', 'year', undefined, 'week'] as const
const QUARTERLY = 2
const PER_PERSON = 5

const priceOf = (row: RightmoveRecord): OfferContent['listPrice'] => {
  const amount = toDecimal(row.PRICE.replaceAll(',', ''))
  if (row.PRICE_QUALIFIER === POA || isZero(amount)) return { onRequest: true }
  if (!isLet(row)) return { amount, currency: 'GBP', period: 'total' }
  const period = PERIODS[row.LET_RENT_FREQUENCY ?? PERIODS.length]
  if (period === undefined)
    throw missing('/LET_RENT_FREQUENCY', '0 weekly, 1 monthly, 2 quarterly or 3 annual')
  const isQuarterly = row.LET_RENT_FREQUENCY === QUARTERLY
  return { amount: isQuarterly ? fourTimes(amount) : amount, currency: 'GBP', period }
}

/** A quarter's rent as a year's, to the penny: no float touches it. */
const fourTimes = (amount: string): string => {
  const [pounds = '', pence = ''] = amount.split('.')
  const yearly = String(BigInt(pounds + pence.padEnd(2, '0')) * 4n).padStart(3, '0')
  return toDecimal(`${yearly.slice(0, -2)}.${yearly.slice(-2)}`)
}

const LEASEHOLD = 2

const ownershipOf = ({
  TENURE_TYPE_ID: tenure,
  PRICE_QUALIFIER
}: RightmoveRecord): OfferContent['ownership'] => {
  const isPart = PRICE_QUALIFIER === SHARED_OWNERSHIP || PRICE_QUALIFIER === PART_BUY_PART_RENT
  return {
    ...(tenure === undefined || tenure === 0 ? {} : { leasehold: tenure === LEASEHOLD }),
    ...(isPart ? { partOwnership: true } : {})
  }
}

/** House and street, then what narrows the town down, then the town, wherever in the last lines it stands. */
const locationOf = (row: RightmoveRecord): NonNullable<OfferContent['location']> => {
  const places = lines(row.ADDRESS_3, row.ADDRESS_4, row.TOWN)
  const address = {
    street: lines(row.ADDRESS_1, row.ADDRESS_2).join(', '),
    district: places.slice(0, -1).join(', '),
    city: places.at(-1) ?? '',
    postalCode: lines(row.POSTCODE1, row.POSTCODE2).join(' '),
    detail: row.DISPLAY_ADDRESS?.trim() ?? ''
  }
  return {
    country: 'United Kingdom',
    ...Object.fromEntries(Object.entries(address).filter(([, value]) => value !== ''))
  }
}

const lines = (...texts: readonly (string | undefined)[]): string[] =>
  texts.flatMap((text) => (text === undefined || text.trim() === '' ? [] : [text.trim()]))

const featuresOf = (row: RightmoveRecord): string[] =>
  lines(
    row.FEATURE1,
    row.FEATURE2,
    row.FEATURE3,
    row.FEATURE4,
    row.FEATURE5,
    row.FEATURE6,
    row.FEATURE7,
    row.FEATURE8,
    row.FEATURE9,
    row.FEATURE10
  )

const textsOf = ({ SUMMARY, DESCRIPTION }: RightmoveRecord): OfferContent => {
  const description = DESCRIPTION ?? SUMMARY
  return description === undefined ? {} : { [textUnit('en')]: { description } }
}

const extrasOf = (
  { SUMMARY, DESCRIPTION, PRICE_QUALIFIER, LET_RENT_FREQUENCY }: RightmoveRecord,
  record: unknown,
  shown: ReadonlySet<string>
): Record<string, unknown> => {
  const others = Object.entries(leftoversOf(RightmoveRecordSchema, record) ?? {})
  return {
    ...Object.fromEntries(others.filter(([name]) => !shown.has(name))),
    ...(SUMMARY === undefined || DESCRIPTION === undefined ? {} : { SUMMARY }),
    ...(PRICE_QUALIFIER === undefined || PRICE_QUALIFIER === 0 ? {} : { PRICE_QUALIFIER }),
    ...(LET_RENT_FREQUENCY === PER_PERSON ? { LET_RENT_FREQUENCY } : {})
  }
}
