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
import { toNode } from '../json-schema.ts'
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
const BY_LANGUAGE = 'an object by language code (ISO 639, lower case), like'

/** Null clears the unit (patch) or says nothing (upsert). What belongs there is told to senders, and to those who erred. */
const unit = <S extends TSchema>(schema: S, description = toNode(schema).description ?? '') =>
  Type.Optional(Type.Union([schema, Type.Null()], { description }))

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
    change: optional(
      Type.Enum(CHANGES, {
        description:
          'upsert (the default: the whole offer, what it leaves out is cleared), patch (only what it carries) ' +
          'or withdraw (no longer offered)'
      })
    ),
    updatedAt: optional(
      Type.Union([text(40), Type.Integer({ minimum: 0 })], {
        description:
          'when this was true in your system: ISO 8601, like 2026-11-23T10:15:00+02:00; without it, and when it is in ' +
          'the future, the moment of receipt counts'
      })
    ),
    reason: optional(text(500, 'why it is withdrawn, in at most 500 characters')),
    transaction: unit(oneOf(TRANSACTIONS)),
    property: unit(
      Type.Object(
        {
          type: oneOf(PROPERTY_TYPES),
          subType: optional(text(120, 'your own word for it, at most 120 characters'))
        },
        closed
      ),
      'an object { type, subType }, like { "type": "apartment" }'
    ),
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
      ),
      'an object { amount, currency, period }, or { "onRequest": true }'
    ),
    status: unit(oneOf(STANDARD_STATUSES)),
    livingArea: unit(area),
    buildingArea: unit(area),
    lotSize: unit(area),
    rooms: unit(
      Type.Object(
        { total: optional(count(1000)), bedrooms: optional(count(1000)), bathrooms: optional(count(1000)) },
        closed
      ),
      'an object { total, bedrooms, bathrooms }'
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
      ),
      'an object { number, total }; the ground floor is 0'
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
      ),
      'an object { isNew, yearBuilt, condition }'
    ),
    ownership: unit(
      Type.Object({ leasehold: optional(Type.Boolean()), partOwnership: optional(Type.Boolean()) }, closed),
      'an object { leasehold, partOwnership }, each true or false'
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
      ),
      'an object { country, region, city, district, postalCode, street, detail }, at least { "country": "BG" }'
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
      ),
      'an object { latitude, longitude }'
    ),
    features: unit(
      Type.Array(text(300), { maxItems: 500 }),
      'a list of at most 500 texts, like ["lift", "pool"]'
    ),
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
      ),
      'a list of at most 500 addresses, or of { url, caption, category }, in the order to show'
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
      ),
      'an object { consumptionRating, emissionRating, consumption, certificateId }'
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
      ),
      'an object { id, name, email, phone, office }'
    ),
    links: unit(
      Type.Record(language, address, {
        ...closed,
        description: `the offer's own pages, ${BY_LANGUAGE} { "bg": "https://…" }`
      })
    ),
    reference: unit(text(255, 'the number printed in your advertisements, at most 255 characters')),
    privateNotes: unit(text(20_000, 'text of at most 20000 characters that is not for publication')),
    texts: optional(
      Type.Record(
        language,
        Type.Union([
          Type.Object({ title: optional(text(1000)), description: optional(text(60_000)) }, closed),
          Type.Null()
        ]),
        { ...closed, description: `${BY_LANGUAGE} { "bg": { "title": …, "description": … } }` }
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
