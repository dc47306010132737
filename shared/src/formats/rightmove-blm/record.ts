import { Type, type Static, type TSchema } from 'typebox'
import { createRecordParser } from '../record-parser.ts'

/**
 * A row of a BLM file: one property, by the columns its `#DEFINITION#` names. Vendors leave columns out and add some of
 * their own; what is not named here is kept in `extras`, but pictures, which `media.ts` reads.
 */

const text = (maxLength: number, description = `text of at most ${maxLength} characters`) =>
  Type.String({ minLength: 1, maxLength, description })
const optional = <S extends TSchema>(schema: S) => Type.Optional(schema)
const code = (description: string) => Type.Integer({ minimum: 0, maximum: 9999, description })
const count = optional(
  Type.Integer({ minimum: 0, maximum: 1000, description: 'a whole number from 0 to 1000' })
)
const feature = optional(text(300))

export const RightmoveRecordSchema = Type.Object({
  AGENT_REF: text(255, "the branch's number, an underscore and its reference of the property"),
  BRANCH_ID: optional(text(120)),
  PUBLISHED_FLAG: optional(Type.Integer({ minimum: 0, maximum: 1, description: '1 visible, 0 hidden' })),
  TRANS_TYPE_ID: Type.Integer({ minimum: 1, maximum: 2, description: '1 for sale, 2 to let' }),
  STATUS_ID: optional(
    Type.Integer({
      minimum: 0,
      maximum: 5,
      description: 'a whole number from 0 (available) to 5 (let agreed)'
    })
  ),
  PRICE: Type.String({
    pattern: '^\\s*(\\d{1,13}|\\d{1,3}(,\\d{3}){1,3})(\\.\\d{1,2})?\\s*$',
    description: 'pounds, like 159,950 or 159950'
  }),
  PRICE_QUALIFIER: optional(code('a number of the price qualifiers of the specification')),
  LET_RENT_FREQUENCY: optional(
    Type.Integer({ minimum: 0, maximum: 5, description: '0 weekly, 1 monthly, 2 quarterly, 3 annual' })
  ),
  PROP_SUB_ID: optional(code('a number of the property types of the specification')),
  NEW_HOME_FLAG: optional(Type.Enum(['Y', 'N'], { description: 'Y or N' })),
  TENURE_TYPE_ID: optional(code('a number of the tenures of the specification')),
  BEDROOMS: count,
  BATHROOMS: count,
  ADDRESS_1: optional(text(140)),
  ADDRESS_2: optional(text(140)),
  ADDRESS_3: optional(text(95)),
  ADDRESS_4: optional(text(95)),
  TOWN: optional(text(200)),
  POSTCODE1: optional(text(8)),
  POSTCODE2: optional(text(8)),
  DISPLAY_ADDRESS: optional(text(300)),
  COUNTRY_CODE: optional(
    Type.String({
      pattern: '^\\s*[Gg][Bb]\\s*$',
      maxLength: 20,
      description: 'GB; properties overseas are not read yet'
    })
  ),
  FEATURE1: feature,
  FEATURE2: feature,
  FEATURE3: feature,
  FEATURE4: feature,
  FEATURE5: feature,
  FEATURE6: feature,
  FEATURE7: feature,
  FEATURE8: feature,
  FEATURE9: feature,
  FEATURE10: feature,
  SUMMARY: optional(text(20_000)),
  DESCRIPTION: optional(text(60_000)),
  CREATE_DATE: optional(Type.Unknown()),
  UPDATE_DATE: optional(
    Type.Unknown({ description: 'read by the scheduler: when the property last changed' })
  )
})
export type RightmoveRecord = Static<typeof RightmoveRecordSchema>

/** An empty cell says nothing, as an empty element of XML does. */
export const parseRightmove = createRecordParser(RightmoveRecordSchema, { xml: true })
