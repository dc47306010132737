import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  isTextUnit,
  UNIT_FAMILIES,
  type OfferContent,
  type UnitFamily,
  type UnitName
} from '@sluice/shared/offer'
import { merge, type Fact, type OfferState } from './merge.ts'

const price = (amount: string) => ({ amount, currency: 'EUR', period: 'total' as const })
const villa: OfferContent = {
  transaction: 'sale',
  propertyType: { type: 'house', subType: 'villa' },
  listPrice: price('250000'),
  location: { country: 'Spain', city: 'Almuñécar' },
  'text.en': { description: 'By the sea' },
  'text.es': { description: 'Junto al mar' }
}
const everything: readonly UnitFamily[] = UNIT_FAMILIES

const upsert = (stamp: string, units: OfferContent = villa, source = 'feed', covers = everything): Fact => ({
  change: { kind: 'upsert', units },
  stamp,
  source,
  covers
})
const patch = (stamp: string, units: OfferContent, clear: UnitName[] = []): Fact => ({
  change: { kind: 'patch', units, clear },
  stamp,
  source: 'hook',
  covers: []
})
const withdraw = (stamp: string): Fact => ({
  change: { kind: 'withdraw', reason: 'sold' },
  stamp,
  source: 'hook',
  covers: []
})

const fold = (facts: readonly Fact[]): OfferState | undefined =>
  facts.reduce<OfferState | undefined>((state, fact) => merge(state, fact).next ?? state, undefined)

describe('merge', () => {
  it('creates an active offer from an upsert, with every unit as news', () => {
    const merged = merge(undefined, upsert('5'))
    expect(merged.outcome).toBe('created')
    expect(merged.next).toMatchObject({ state: 'active', revision: 1, sourceStamps: { feed: '5' } })
    expect(Object.keys(merged.change?.units ?? {}).toSorted()).toEqual(
      [...Object.keys(villa), 'presence'].toSorted()
    )
  })

  it('lets a newer patch change one unit and says what it was before', () => {
    const { outcome, next, change } = merge(fold([upsert('5')]), patch('6', { listPrice: price('240000') }))
    expect(outcome).toBe('updated')
    expect(next?.revision).toBe(2)
    expect(change).toEqual({
      kind: 'updated',
      units: { listPrice: { old: price('250000'), new: price('240000') } }
    })
  })

  it('reports a patch older than the unit as stale and writes nothing', () => {
    expect(merge(fold([upsert('5')]), patch('4', { listPrice: price('1') }))).toEqual({ outcome: 'stale' })
  })

  it('reports a repeated fact as unchanged and writes nothing', () => {
    expect(merge(fold([upsert('5'), patch('6', { listPrice: price('1') })]), upsert('5'))).toEqual({
      outcome: 'unchanged'
    })
  })

  it('advances the stamp of equal content without a revision', () => {
    const merged = merge(fold([upsert('5')]), upsert('7'))
    expect(merged).toMatchObject({
      outcome: 'unchanged',
      next: { baseStamp: '7', revision: 1, sourceStamps: { feed: '5' } }
    })
    expect(merged.change).toBeUndefined()
  })

  it('ends withdrawn when the withdrawal arrives before the older upsert it supersedes', () => {
    const early = merge(undefined, withdraw('9'))
    expect(early).toMatchObject({ outcome: 'incomplete', next: { state: 'incomplete', revision: 0 } })
    expect(early.change).toBeUndefined()
    const late = merge(early.next, upsert('5'))
    expect(late).toMatchObject({
      outcome: 'withdrawn',
      next: { state: 'withdrawn', revision: 1 },
      change: { kind: 'withdrawn' }
    })
  })

  it('never resurrects a tombstone with a patch, but with a newer upsert', () => {
    const gone = fold([upsert('5'), withdraw('6')])
    expect(merge(gone, patch('7', { listPrice: price('1') })).next?.state).toBe('withdrawn')
    expect(merge(gone, upsert('7'))).toMatchObject({
      outcome: 'updated',
      next: { state: 'active', revision: 3 }
    })
  })

  it('keeps a patch for an unknown offer invisible until the upsert completes it, and then shows everything', () => {
    const early = merge(undefined, patch('6', { listPrice: price('240000') }))
    const { outcome, next, change } = merge(early.next, upsert('5'))
    expect(outcome).toBe('created')
    expect(next).toMatchObject({ state: 'active', revision: 1, content: { listPrice: price('240000') } })
    expect(change?.units['listPrice']).toEqual({ new: price('240000') })
    expect(change?.units['transaction']).toEqual({ new: 'sale' })
  })

  it('drops a language the upsert no longer carries, but not one patched later', () => {
    const patched = fold([upsert('5'), patch('8', { 'text.de': { title: 'Am Meer' } })])
    const { next } = merge(patched, upsert('6', { ...villa, 'text.es': undefined }))
    expect(
      Object.keys(next?.content ?? {})
        .filter(isTextUnit)
        .toSorted()
    ).toEqual(['text.de', 'text.en'])
  })

  it('leaves alone what the format of the upsert does not cover', () => {
    const before = fold([upsert('5'), patch('6', { floor: { floor: 3 } })])
    const { next } = merge(
      before,
      upsert('7', villa, 'feed', ['listPrice', 'transaction', 'propertyType', 'location', 'text'])
    )
    expect(next?.content.floor).toEqual({ floor: 3 })
  })

  it('keeps most stamps in one base', () => {
    const next = fold([upsert('5'), patch('6', { listPrice: price('1') })])
    expect(next).toMatchObject({ baseStamp: '5', unitStamps: { listPrice: '6' } })
  })
})

// The model: sort all facts by stamp, fold. Each fact simply overwrites what it speaks of.
const model = (facts: readonly Fact[]): Record<string, unknown> => {
  const content = new Map<string, unknown>()
  for (const { change, covers } of facts.toSorted((a, b) =>
    a.stamp < b.stamp ? -1 : a.stamp > b.stamp ? 1 : 0
  )) {
    if (change.kind === 'withdraw') content.set('presence', { state: 'withdrawn', reason: change.reason })
    if (change.kind === 'patch') for (const unit of change.clear) content.delete(unit)
    if (change.kind === 'upsert') {
      for (const unit of content.keys())
        if (covers.includes(isTextUnit(unit) ? 'text' : (unit as UnitFamily))) content.delete(unit)
      content.set('presence', { state: 'active' })
    }
    if (change.kind !== 'withdraw')
      for (const [unit, value] of Object.entries(change.units)) content.set(unit, value)
  }
  return Object.fromEntries(content)
}

const amount = fc.constantFrom('1', '2', '3').map(price)
const text = fc.constantFrom('a', 'b').map((description) => ({ description }))
const patchUnits = fc.record(
  { listPrice: amount, floor: fc.constantFrom({ floor: 1 }, { floor: 2 }), 'text.en': text, 'text.bg': text },
  { requiredKeys: [] }
)
const anyChange = fc.oneof(
  fc.record({
    change: fc
      .record(
        { listPrice: amount, 'text.en': text, 'text.bg': text, floor: fc.constant({ floor: 9 }) },
        { requiredKeys: ['listPrice'] }
      )
      .map((units) => ({
        kind: 'upsert' as const,
        units: { ...villa, 'text.es': { description: 'x' }, ...units }
      })),
    covers: fc.constant(everything)
  }),
  fc.record({
    change: amount.map((listPrice) => ({
      kind: 'upsert' as const,
      units: { listPrice, 'text.de': { title: 'z' } }
    })),
    covers: fc.constant<readonly UnitFamily[]>(['listPrice', 'text'])
  }),
  fc.record({
    change: fc.record({
      kind: fc.constant('patch' as const),
      units: patchUnits,
      clear: fc.constant<UnitName[]>([])
    }),
    covers: fc.constant<readonly UnitFamily[]>([])
  }),
  fc.record({
    change: fc.constant({ kind: 'patch' as const, units: {}, clear: ['text.en', 'floor'] as UnitName[] }),
    covers: fc.constant<readonly UnitFamily[]>([])
  }),
  fc.record({
    change: fc.constant({ kind: 'withdraw' as const, reason: 'sold' }),
    covers: fc.constant<readonly UnitFamily[]>([])
  })
)
const stamp = fc.integer({ min: 1, max: 40 }).map((n) => String(n).padStart(4, '0'))

/** Facts with distinct stamps (the record hash in a stamp makes equal stamps equal facts), and a shuffle with repeats. */
const histories = fc
  .uniqueArray(fc.tuple(stamp, anyChange, fc.constantFrom('feed', 'hook')), {
    minLength: 1,
    maxLength: 12,
    selector: ([s]) => s
  })
  .map((rows) => rows.map(([s, { change, covers }, source]) => ({ stamp: s, change, covers, source })))
  .chain((facts) =>
    fc.tuple(
      fc.constant(facts),
      fc.shuffledSubarray(facts, { minLength: facts.length }),
      fc.array(fc.constantFrom(...facts), { maxLength: 6 })
    )
  )

describe('merge, against the model', () => {
  it('ends in the same offer for any order and any duplication of the same facts', () => {
    fc.assert(
      fc.property(histories, ([facts, shuffled, repeats]) => {
        const state = fold([...shuffled, ...repeats] as Fact[])
        expect(state?.content).toEqual(model(facts as Fact[]))
      }),
      { numRuns: 3_000 }
    )
  })

  it('reports news exactly when a reader would see a difference', () => {
    fc.assert(
      fc.property(histories, ([, shuffled]) => {
        let state: OfferState | undefined
        const seen: Record<string, unknown> = {}
        for (const fact of shuffled as Fact[]) {
          const { next, change } = merge(state, fact)
          for (const [unit, value] of Object.entries(change?.units ?? {})) {
            expect(seen[unit]).toEqual(value.old)
            if (value.new === undefined) delete seen[unit]
            else seen[unit] = value.new
          }
          state = next ?? state
          if (state !== undefined && state.state !== 'incomplete') expect(seen).toEqual(state.content)
        }
      }),
      { numRuns: 1_000 }
    )
  })
})
