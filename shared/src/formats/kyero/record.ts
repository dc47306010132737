import { Type, type Static, type TSchema } from 'typebox'
import { decimal } from '../decimal.ts'
import { createRecordParser } from '../record-parser.ts'

/**
 * `<property>` of a Kyero feed as the XML reader gives it. Stricter than the XSD where an offer needs it, laxer where
 * real feeds are: the spec's fields up to V3.9, and of V2.1 the two shapes that still arrive (`<type><en>…</en></type>`
 * and `<price_freq>new_build</price_freq>`). What is not named here is kept in `extras`.
 */

/** The languages of `<desc>` and `<url>`; any other two-letter code is read as well. */
const byLanguage = <S extends TSchema>(value: S) =>
  Type.Record(Type.String({ pattern: '^[a-z]{2,3}$' }), value)

const text = (maxLength: number, description = `text of at most ${maxLength} characters`) =>
  Type.String({ minLength: 1, maxLength, description })
const optional = <S extends TSchema>(schema: S) => Type.Optional(schema)
const flag = Type.Boolean({ description: '0 or 1' })
const count = Type.Integer({ minimum: 0, maximum: 1000, description: 'a whole number from 0 to 1000' })
const address = Type.String({
  pattern: '^\\s*(https?|ftp)://',
  maxLength: 2000,
  description: 'an address that begins with http://, https:// or ftp://'
})
const degrees = (limit: number) =>
  Type.Number({ minimum: -limit, maximum: limit, description: `decimal degrees from -${limit} to ${limit}` })
const rating = Type.String({ pattern: '^\\s*[A-GXa-gx]\\s*$', description: 'a letter A to G, or X' })

export const KyeroRecordSchema = Type.Object({
  id: text(255, "the offer's id, unique in the feed"),
  date: optional(Type.Unknown({ description: 'read by the scheduler: when the offer last changed' })),
  price: Type.String({
    pattern: '^\\s*(\\d{1,13}(\\.\\d{1,6})?|[xX])\\s*$',
    description: 'digits like 250000, or x for a price on request'
  }),
  price_freq: Type.String({
    pattern: '^\\s*([sS]ale|[mM]onth|[wW]eek|[nN]ew_[bB]uild)\\s*$',
    description: 'sale, month or week'
  }),
  type: Type.Union([text(120), Type.Object({ en: text(120) })], {
    description: 'a word like villa or apartment'
  }),
  town: text(200, 'the town the offer is in'),
  province: optional(text(200)),
  country: optional(text(120)),
  postcode: optional(text(20)),
  ref: optional(text(255)),
  currency: optional(
    Type.String({ pattern: '^\\s*[A-Za-z]{3}\\s*$', description: 'three letters (ISO 4217), like EUR' })
  ),
  part_ownership: optional(flag),
  leasehold: optional(flag),
  new_build: optional(flag),
  location: optional(Type.Object({ latitude: optional(degrees(90)), longitude: optional(degrees(180)) })),
  location_detail: optional(text(300)),
  beds: optional(count),
  baths: optional(count),
  pool: optional(flag),
  surface_area: optional(
    Type.Object({
      built: optional(decimal('square metres, like 150')),
      plot: optional(decimal('square metres, like 500'))
    })
  ),
  energy_rating: optional(Type.Object({ consumption: optional(rating), emissions: optional(rating) })),
  url: optional(Type.Union([address, byLanguage(address)])),
  video_url: optional(address),
  virtual_tour_url: optional(address),
  desc: optional(Type.Union([text(60_000), byLanguage(text(60_000))])),
  features: optional(
    Type.Object({ feature: optional(Type.Array(Type.String({ maxLength: 300 }), { maxItems: 400 })) })
  ),
  notes: optional(text(20_000)),
  images: optional(
    Type.Object({
      image: optional(
        Type.Array(
          Type.Union([
            Type.Object({
              '@id': optional(Type.Unknown()),
              url: optional(address),
              tags: optional(Type.Object({ tag: optional(Type.Array(text(60), { maxItems: 20 })) }))
            }),
            Type.Literal('')
          ]),
          { maxItems: 400 }
        )
      )
    })
  ),
  email: optional(text(254)),
  contact_number: optional(text(60)),
  prime: optional(Type.Unknown())
})
export type KyeroRecord = Static<typeof KyeroRecordSchema>

export const parseKyero = createRecordParser(KyeroRecordSchema, { xml: true })
