import { Type, type Static, type TSchema } from 'typebox'
import { decimal } from '../decimal.ts'
import { createRecordParser } from '../record-parser.ts'

/**
 * `<offer>` of a YRL feed, as far as it has a unit; the many fields of one market alone (lifts, sewerage, VAT, …) are kept
 * in `extras`. Laxer than the XSD: real feeds write numbers with blanks around them and words of their own.
 */

const text = (maxLength: number, description = `text of at most ${maxLength} characters`) =>
  Type.String({ minLength: 1, maxLength, description })
const optional = <S extends TSchema>(schema: S) => Type.Optional(schema)
const count = optional(
  Type.Integer({ minimum: 0, maximum: 1000, description: 'a whole number from 0 to 1000' })
)
const storey = optional(
  Type.Integer({ minimum: -20, maximum: 300, description: 'a whole number from -20 to 300' })
)
const degrees = (limit: number) =>
  optional(Type.Number({ minimum: -limit, maximum: limit, description: `decimal degrees, up to ${limit}` }))
const address = Type.String({
  pattern: '^\\s*(https?|ftp)://',
  maxLength: 2000,
  description: 'an address that begins with http://, https:// or ftp://'
})
/** Two digits less than an offer's: a hundred times as much must be one as well. */
const AREA = '^\\s*\\d{1,11}(\\.\\d{1,6})?\\s*$'
const area = optional(
  Type.Object({ value: Type.String({ pattern: AREA, description: 'a number like 56.5' }), unit: text(40) })
)

export const YrlRecordSchema = Type.Object({
  '@internal-id': text(255, "the offer's id, unique in the feed"),
  type: Type.Enum(['продажа', 'sale', 'аренда', 'rent'], { description: 'продажа (sale) or аренда (rent)' }),
  category: text(120, 'a word like квартира (flat) or дом (house)'),
  'commercial-type': optional(text(120)),
  'creation-date': optional(Type.Unknown()),
  'last-update-date': optional(
    Type.Unknown({ description: 'read by the scheduler: when the offer last changed' })
  ),
  'expire-date': optional(
    Type.String({ minLength: 1, maxLength: 60, description: 'until when the offer holds, in ISO 8601' })
  ),
  url: optional(address),
  location: Type.Object({
    country: text(120, 'the country'),
    region: optional(text(200)),
    district: optional(text(95)),
    'locality-name': optional(text(200)),
    'sub-locality-name': optional(text(95)),
    address: optional(text(300)),
    latitude: degrees(90),
    longitude: degrees(180)
  }),
  'sales-agent': optional(
    Type.Object({
      name: optional(text(200)),
      phone: optional(Type.Array(text(60), { maxItems: 20 })),
      organization: optional(text(200)),
      email: optional(text(254))
    })
  ),
  price: Type.Object({
    value: decimal('a number like 4000000'),
    currency: Type.String({ pattern: '^\\s*[A-Za-z]{3}\\s*$', description: 'three letters, like RUB' }),
    period: optional(
      Type.Enum(['месяц', 'month', 'день', 'day'], { description: 'месяц (month) or день (day)' })
    ),
    unit: optional(text(40, 'what the price is for, like кв. м or сотка, if it is not the whole'))
  }),
  area,
  'lot-area': area,
  rooms: count,
  floor: storey,
  'floors-total': optional(
    Type.Integer({ minimum: 0, maximum: 300, description: 'a whole number up to 300' })
  ),
  'built-year': optional(Type.Integer({ minimum: 1000, maximum: 2200, description: 'a year' })),
  'new-flat': optional(text(20)),
  description: optional(text(60_000)),
  image: optional(Type.Array(address, { maxItems: 400 }))
})
export type YrlRecord = Static<typeof YrlRecordSchema>

export const parseYrl = createRecordParser(YrlRecordSchema, { xml: true })
