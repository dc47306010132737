import { Check } from 'typebox/schema'
import { expect, it } from 'vitest'
import { findFormat } from '@sluice/shared/formats'
import { readBody } from './bodies/index.ts'
import { DELIVERY_EXAMPLES } from './examples.ts'
import { DeliverySchema } from './schemas.ts'

const sluice = findFormat('sluice')
if (sluice === undefined) throw new Error('there is no format sluice')

const EXPECTED = {
  offer: ['upsert'],
  patch: ['patch'],
  withdrawal: ['withdraw'],
  several: ['patch', 'withdraw']
} as const

it.each(Object.keys(DELIVERY_EXAMPLES) as (keyof typeof DELIVERY_EXAMPLES)[])(
  'the example "%s" of the docs is a delivery the format understands',
  (name) => {
    const body = Buffer.from(JSON.stringify(DELIVERY_EXAMPLES[name].value))
    const { records } = readBody(
      { headers: { 'content-type': 'application/json' }, body },
      { timeZone: 'UTC' },
      sluice
    )
    expect(records.every(({ factAt }) => factAt !== undefined)).toBe(true)
    const kinds = records.map(
      ({ body }) => sluice.toChange(JSON.parse(body.toString()), { timeZone: 'UTC' }).kind
    )
    expect(kinds).toEqual(EXPECTED[name])
    expect(Check(DeliverySchema, DELIVERY_EXAMPLES[name].value), 'a sender may check it by /docs').toBe(true)
  }
)
