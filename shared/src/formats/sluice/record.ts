import { Type, type Static, type TSchema } from 'typebox'
import {
  AREA_UNITS,
  MAX_EXTRAS,
  PRICE_PERIODS,
  PROPERTY_TYPES,
  STANDARD_STATUSES,
  TRANSACTIONS
} from '../../offer.ts'
import { decimal } from '../decimal.ts'
import { createRecordParser } from '../record-parser.ts'

/** One record of our own format; `schema.json` beside this file is this schema, `README.md` explains it. */

const text = (maxLength: number, description = `text of at most ${maxLength} characters`) =>
  Type.String({ minLength: 1, maxLength, description })
const oneOf = <const T extends readonly string[]>(values: T) =>
  Type.Enum(values, { description: `one of ${values.join(', ')}` })
const closed = { additionalProperties: false } as const
const optional = <S extends TSchema>(schema: S) => Type.Optional(schema)
const count = (maximum: number) =>
  Type.Integer({ minimum: 0, maximum, description: `a whole number from 0 to ${maximum}` })
const address = Type.String({
  pattern: '^(https?|ftp)://\\S+$',
  maxLength: 2048,
  description: 'an absolute address without blanks, like https://example.com/1.jpg'
})
const language = Type.String({ pattern: '^[a-z]{2,3}$' })

/** Null clears the unit (patch) or says nothing (upsert). */
const unit = <S extends TSchema>(schema: S) => Type.Optional(Type.Union([schema, Type.Null()]))

const area = Type.Union(
  [
    decimal('square metres'),
    Type.Object({ value: decimal('a number like 85.5'), unit: oneOf(AREA_UNITS) }, closed)
  ],
  { description: 'square metres, like 85.5, or { value, unit }' }
)

const CHANGES = ['upsert', 'patch', 'withdraw'] as const

export const SluiceRecordSchema = Type.Object(
  {
    // Read at the edge, a number by the digits that were sent; here it only has to be one or the other.
    id: Type.Union([text(255), Type.Integer({ minimum: 0 })], {
      description: "your id of the offer: text of at most 255 characters, the same for the offer's whole life"
    }),
    change: optional(oneOf(CHANGES)),
    updatedAt: optional(
      Type.Union([text(40), Type.Integer({ minimum: 0 })], {
        description: 'when this was true in your system: ISO 8601, like 2026-11-23T10:15:00+02:00'
      })
    ),
    reason: optional(text(500)),
    transaction: unit(oneOf(TRANSACTIONS)),
    property: unit(Type.Object({ type: oneOf(PROPERTY_TYPES), subType: optional(text(120)) }, closed)),
    price: unit(
      Type.Object(
        {
          amount: optional(decimal('a number like 185000 or "185000.50", at most six decimals')),
          currency: optional(
            Type.String({ pattern: '^[A-Z]{3}$', description: 'three capital letters (ISO 4217), like EUR' })
          ),
          period: optional(oneOf(PRICE_PERIODS)),
          onRequest: optional(Type.Boolean({ description: 'true when the price is on request' }))
        },
        closed
      )
    ),
    status: unit(oneOf(STANDARD_STATUSES)),
    livingArea: unit(area),
    buildingArea: unit(area),
    lotSize: unit(area),
    rooms: unit(
      Type.Object(
        { total: optional(count(1000)), bedrooms: optional(count(1000)), bathrooms: optional(count(1000)) },
        closed
      )
    ),
    floor: unit(
      Type.Object(
        {
          number: optional(
            Type.Integer({ minimum: -20, maximum: 300, description: 'a whole number from -20 to 300' })
          ),
          total: optional(count(300))
        },
        closed
      )
    ),
    construction: unit(
      Type.Object(
        {
          isNew: optional(Type.Boolean({ description: 'true or false' })),
          yearBuilt: optional(
            Type.Integer({ minimum: 1000, maximum: 2200, description: 'a year from 1000 to 2200' })
          ),
          condition: optional(text(200))
        },
        closed
      )
    ),
    ownership: unit(
      Type.Object({ leasehold: optional(Type.Boolean()), partOwnership: optional(Type.Boolean()) }, closed)
    ),
    location: unit(
      Type.Object(
        {
          country: text(120, 'the country, best as ISO 3166-1 alpha-2, like BG'),
          region: optional(text(200)),
          city: optional(text(200)),
          district: optional(text(200)),
          postalCode: optional(text(20)),
          street: optional(text(300)),
          detail: optional(text(300))
        },
        closed
      )
    ),
    coordinates: unit(
      Type.Object(
        {
          latitude: Type.Number({ minimum: -90, maximum: 90, description: 'decimal degrees from -90 to 90' }),
          longitude: Type.Number({
            minimum: -180,
            maximum: 180,
            description: 'decimal degrees from -180 to 180'
          })
        },
        closed
      )
    ),
    features: unit(Type.Array(text(300), { maxItems: 500 })),
    images: unit(
      Type.Array(
        Type.Union(
          [
            address,
            Type.Object({ url: address, caption: optional(text(500)), category: optional(text(60)) }, closed)
          ],
          { description: 'an absolute address, or { url, caption, category }' }
        ),
        { maxItems: 500 }
      )
    ),
    energy: unit(
      Type.Object(
        {
          consumptionRating: optional(text(10)),
          emissionRating: optional(text(10)),
          consumption: optional(decimal('kWh per m² and year, like 148.3')),
          certificateId: optional(text(120))
        },
        closed
      )
    ),
    agent: unit(
      Type.Object(
        {
          id: optional(text(120)),
          name: optional(text(200)),
          email: optional(text(254)),
          phone: optional(text(60)),
          office: optional(text(200))
        },
        closed
      )
    ),
    links: unit(Type.Record(language, address, closed)),
    reference: unit(text(255)),
    privateNotes: unit(text(20_000)),
    texts: optional(
      Type.Record(
        language,
        Type.Union([
          Type.Object({ title: optional(text(1000)), description: optional(text(60_000)) }, closed),
          Type.Null()
        ]),
        { ...closed, description: 'an object by language, like { "bg": { "title": …, "description": … } }' }
      )
    ),
    extras: unit(
      Type.Record(Type.String({ pattern: '^.{1,120}$' }), Type.Unknown(), {
        ...closed,
        maxProperties: MAX_EXTRAS,
        description: `an object of at most ${MAX_EXTRAS} fields of your own, names of at most 120 characters`
      })
    )
  },
  closed
)
export type SluiceRecord = Static<typeof SluiceRecordSchema>

export const parseSluice = createRecordParser(SluiceRecordSchema)

/** All that is read of a withdrawal; the edge has read its id. */
export const parseWithdrawal = createRecordParser(
  Type.Object({ reason: Type.Union([text(500), Type.Null()]) })
)
