import { describe, expect, it } from 'vitest'
import { recordHash, type Envelope } from '@sluice/shared/envelope'
import type { Change } from '@sluice/shared/change'
import type { Fact } from '@sluice/shared/merge'
import { REQUIRED_UNITS, type OfferContent } from '@sluice/shared/offer'
import { toStamp } from '@sluice/shared/stamp'
import type { Message } from './message.ts'
import { changesToStore, planOffers } from './plan.ts'

const WHOLE = {
  transaction: 'sale',
  propertyType: { type: 'apartment' },
  listPrice: { onRequest: true },
  location: { country: 'es' }
} as const

/** A fact of the offer `a`; the later in the list, the newer. */
const fact = (change: Change, at: number): readonly [Message, Fact] => {
  const stampOf = {
    factAt: at,
    receivedAt: at,
    ordinal: 0,
    formatVersion: 1,
    recordHash: recordHash(`${at}`)
  }
  const stamp = toStamp(stampOf)
  const envelope = { messageId: `1.${at}`, externalId: 'a', ...stampOf } as Envelope
  const source = { id: 1, slug: 'crm', vendorId: 1, vendorSlug: 'costa', timeZone: 'UTC' }
  const told: Fact = { change, stamp, source: 'crm', covers: REQUIRED_UNITS }
  return [{ envelope, source, stamp, meaning: { fact: told } }, told]
}
const whole = (units: OfferContent = WHOLE): Change => ({ kind: 'upsert', units })
const unitsOf = (...facts: readonly (readonly [Message, Fact])[]) =>
  planOffers(facts, new Map())
    .flatMap(changesToStore)
    .map(({ revision, units }) => [revision, units])

describe('the change that creates an offer', () => {
  it('has no copy of what the offer says', () => {
    expect(unitsOf(fact(whole(), 1))).toEqual([[1, undefined]])
  })

  it('is told with its units all the same', () => {
    const [plan] = planOffers([fact(whole(), 1)], new Map())
    expect(plan?.changes[0]?.units).toMatchObject({ transaction: { new: 'sale' } })
  })

  it('has one when the same batch changes the offer again', () => {
    const units = unitsOf(fact(whole(), 1), fact(whole({ ...WHOLE, transaction: 'rent' }), 2))
    expect(units).toEqual([
      [1, expect.objectContaining({ transaction: { new: 'sale' } })],
      [2, { transaction: { old: 'sale', new: 'rent' } }]
    ])
  })

  it('has one when the offer is incomplete again at the end of the batch, which tells nobody anything', () => {
    const clearing: Change = { kind: 'patch', units: {}, clear: ['transaction'] }
    expect(unitsOf(fact(whole(), 1), fact(clearing, 2))).toEqual([
      [1, expect.objectContaining({ transaction: { new: 'sale' } })]
    ])
  })
})
