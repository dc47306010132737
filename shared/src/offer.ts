import { Type, type Static } from 'typebox'

/**
 * The canonical offer: a set of *merge units*, facts that travel together and are decided together.
 * Names follow the RESO Data Dictionary 2.0 where it has a term (`docs/offer.md` is the table).
 * Money and areas are decimal strings: a float never touches them.
 */

const text = (maxLength: number) => Type.String({ minLength: 1, maxLength })
/** Never negative: no price, area or consumption is. */
const decimal = Type.String({ pattern: '^\\d{1,13}(\\.\\d{1,6})?$' })
const count = (maximum: number) => Type.Integer({ minimum: 0, maximum })
const url = Type.String({ pattern: '^(https?|ftp)://\\S+$', maxLength: 2048 })
const oneOf = <const T extends readonly string[]>(values: T) => Type.Enum(values)
const closed = { additionalProperties: false } as const
/** Far more than any vendor has; a record of ten thousand names is a mistake. */
export const MAX_EXTRAS = 1_000

export const TRANSACTIONS = ['sale', 'rent', 'seasonalRent', 'auction'] as const
export const PROPERTY_TYPES = [
  'apartment',
  'house',
  'room',
  'land',
  'commercial',
  'parking',
  'building',
  'other'
] as const
export const STANDARD_STATUSES = [
  'comingSoon',
  'active',
  'underContract',
  'pending',
  'hold',
  'closed',
  'canceled',
  'expired'
] as const
export const PRICE_PERIODS = ['total', 'day', 'week', 'month', 'year'] as const
export const AREA_UNITS = ['m2', 'ft2', 'ha', 'acre', 'dka'] as const

const Area = Type.Object({ value: decimal, unit: oneOf(AREA_UNITS) }, closed)

/** Every unit with one value; `text` is a family instead, one unit a language: `text.en`, `text.bg`. */
export const UnitSchemas = {
  /** Whether the vendor still offers it at all; everything else is detail of something present. */
  presence: Type.Object({ state: oneOf(['active', 'withdrawn']), reason: Type.Optional(text(500)) }, closed),
  standardStatus: oneOf(STANDARD_STATUSES),
  transaction: oneOf(TRANSACTIONS),
  propertyType: Type.Object({ type: oneOf(PROPERTY_TYPES), subType: Type.Optional(text(120)) }, closed),
  listPrice: Type.Union([
    Type.Object(
      { amount: decimal, currency: Type.String({ pattern: '^[A-Z]{3}$' }), period: oneOf(PRICE_PERIODS) },
      closed
    ),
    Type.Object({ onRequest: Type.Literal(true) }, closed)
  ]),
  livingArea: Area,
  buildingArea: Area,
  lotSize: Area,
  rooms: Type.Object(
    {
      roomsTotal: Type.Optional(count(1000)),
      bedroomsTotal: Type.Optional(count(1000)),
      bathroomsTotal: Type.Optional(count(1000))
    },
    closed
  ),
  floor: Type.Object(
    {
      floor: Type.Optional(Type.Integer({ minimum: -20, maximum: 300 })),
      floorsTotal: Type.Optional(count(300))
    },
    closed
  ),
  construction: Type.Object(
    {
      newConstruction: Type.Optional(Type.Boolean()),
      yearBuilt: Type.Optional(Type.Integer({ minimum: 1000, maximum: 2200 })),
      condition: Type.Optional(text(200))
    },
    closed
  ),
  ownership: Type.Object(
    { leasehold: Type.Optional(Type.Boolean()), partOwnership: Type.Optional(Type.Boolean()) },
    closed
  ),
  location: Type.Object(
    {
      country: text(120),
      stateOrProvince: Type.Optional(text(200)),
      city: Type.Optional(text(200)),
      district: Type.Optional(text(200)),
      postalCode: Type.Optional(text(20)),
      street: Type.Optional(text(300)),
      detail: Type.Optional(text(300))
    },
    closed
  ),
  coordinates: Type.Object(
    {
      latitude: Type.Number({ minimum: -90, maximum: 90 }),
      longitude: Type.Number({ minimum: -180, maximum: 180 })
    },
    closed
  ),
  features: Type.Array(text(300), { maxItems: 500 }),
  media: Type.Array(
    Type.Object({ url, caption: Type.Optional(text(500)), category: Type.Optional(text(60)) }, closed),
    { maxItems: 500 }
  ),
  energy: Type.Object(
    {
      consumptionRating: Type.Optional(text(10)),
      emissionRating: Type.Optional(text(10)),
      consumption: Type.Optional(decimal),
      certificateId: Type.Optional(text(120))
    },
    closed
  ),
  listAgent: Type.Object(
    {
      id: Type.Optional(text(120)),
      name: Type.Optional(text(200)),
      email: Type.Optional(text(254)),
      phone: Type.Optional(text(60)),
      office: Type.Optional(text(200))
    },
    closed
  ),
  /** The offer's own pages, by language (`und` when the vendor does not say). */
  links: Type.Record(Type.String({ pattern: '^[a-z]{2,3}$' }), url, closed),
  /** The vendor's own number for people, as printed in an advertisement. */
  listingId: text(255),
  privateRemarks: text(20_000),
  /** What the vendor sends and no unit has a place for, kept under the vendor's own names. */
  extras: Type.Record(Type.String({ pattern: '^.{1,120}$' }), Type.Unknown(), {
    ...closed,
    maxProperties: MAX_EXTRAS
  })
} as const

export const TextSchema = Type.Object(
  { title: Type.Optional(text(1000)), description: Type.Optional(text(60_000)) },
  closed
)
export type OfferText = Static<typeof TextSchema>

type Units = { -readonly [K in keyof typeof UnitSchemas]: Static<(typeof UnitSchemas)[K]> }
export type TextUnit = `text.${string}`

/** The values of an offer's units. An absent unit is an absent key. */
export type OfferContent = Partial<Units> & { [K in TextUnit]?: OfferText }

/** A unit, or the family of units that one format covers as a whole (`text`: every language). */
export type UnitFamily = keyof typeof UnitSchemas | 'text'
export type UnitName = keyof typeof UnitSchemas | TextUnit

export const UNIT_FAMILIES = [
  ...(Object.keys(UnitSchemas) as (keyof typeof UnitSchemas)[]),
  'text'
] as const satisfies readonly UnitFamily[]

/** Without these an offer is no offer: a record that lacks one is rejected with the path that is missing. */
export const REQUIRED_UNITS = [
  'transaction',
  'propertyType',
  'listPrice',
  'location'
] as const satisfies readonly UnitFamily[]

const TEXT_UNIT = /^text\.[a-z]{2,3}$/

/** Asked of every unit of every offer, of which few are: the look at its beginning spares the pattern. */
export const isTextUnit = (name: string): name is TextUnit => name.startsWith('text.') && TEXT_UNIT.test(name)

/** The unit of one language's title and description; `language` is a lower-case ISO 639 code. */
export const textUnit = (language: string): TextUnit => `text.${language}`

/** The family that decides a unit: itself, or `text` for the text of one language. */
export const familyOf = (unit: UnitName): UnitFamily => (isTextUnit(unit) ? 'text' : unit)
