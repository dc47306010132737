import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { recordHash } from './envelope.ts'
import { isTextUnit, UNIT_FAMILIES, type OfferContent, type UnitFamily, type UnitName } from './offer.ts'
import { newest, toStamp } from './stamp.ts'
import { modelOf, outcomeOf, stateOf } from '../../test/support/model.ts'
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
const withdraw = (stamp: string, change: Fact['change'] = { kind: 'withdraw', reason: 'sold' }): Fact => ({
  change,
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

  it('remembers that something newer overruled an upsert that came late, though it changed nothing when it came', () => {
    const late = fold([upsert('3', { ...villa, floor: { floor: 1 } }), patch('7', {}, ['features'])])
    expect(late?.sourceStamps).toEqual({ feed: '3' })
    const { next } = merge(late, upsert('5', { ...villa, features: ['pool'] }))
    expect(next?.sourceStamps).toEqual({ feed: '5', '*': '7' })
    const texts = fold([upsert('3'), patch('7', { 'text.en': { description: 'By the sea' } })])
    expect(texts?.sourceStamps).toEqual({ feed: '3' })
    expect(merge(texts, upsert('5', { ...villa, 'text.en': { title: 'x' } })).next?.sourceStamps).toEqual({
      feed: '3',
      '*': '7'
    })
  })

  it('leaves alone what the format of the upsert does not cover', () => {
    const before = fold([upsert('5'), patch('6', { floor: { floor: 3 } })])
    const { next } = merge(
      before,
      upsert('7', villa, 'feed', ['listPrice', 'transaction', 'propertyType', 'location', 'text'])
    )
    expect(next?.content.floor).toEqual({ floor: 3 })
  })

  it('withdraws what a feed lists no more, until it lists it again, though the record is as old as ever', () => {
    const listed = (at: string): Fact => ({ ...upsert('3'), listedStamp: at })
    const vanish = (at: string): Fact => ({ ...withdraw(at), change: { kind: 'vanish' }, source: 'feed' })
    const gone = merge(fold([listed('5')]), vanish('6'))
    expect(gone).toMatchObject({
      outcome: 'withdrawn',
      next: { content: { presence: { state: 'withdrawn', reason: 'vanished' } }, unitStamps: { gone: '6' } }
    })
    expect(merge(gone.next, vanish('6'))).toEqual({ outcome: 'unchanged' })
    expect(merge(gone.next, listed('5')).next, 'an older file').toBeUndefined()
    const back = merge(gone.next, { ...listed('7'), stamp: '33' })
    expect(back).toMatchObject({ outcome: 'updated', next: { state: 'active', unitStamps: { listed: '7' } } })
    expect(merge(back.next, vanish('6'))).toEqual({ outcome: 'stale' })
    expect(merge(gone.next, patch('7', { listPrice: price('1') })).next?.state).toBe('withdrawn')
    expect(merge(gone.next, upsert('7')).next?.state, 'a webhook that is newer than the file').toBe('active')
    expect(merge(fold([upsert('8')]), vanish('7')), 'the same, in time').toEqual({ outcome: 'stale' })
  })

  it('does not bring back what somebody has withdrawn because a list still has it', () => {
    const sold = fold([{ ...upsert('3'), listedStamp: '5' }, withdraw('6')])
    expect(merge(sold, { ...upsert('33'), listedStamp: '8' }).next?.content.presence).toEqual({
      state: 'withdrawn',
      reason: 'sold'
    })
  })

  it('nor what somebody has withdrawn without a reason, in whatever order it comes', () => {
    const vanish: Fact = { ...withdraw('3', { kind: 'vanish' }), source: 'feed' }
    const back: Fact = { ...upsert('1'), listedStamp: '4' }
    for (const facts of [
      [withdraw('2', { kind: 'withdraw' }), vanish, back],
      [vanish, withdraw('2', { kind: 'withdraw' }), back],
      [back, vanish, withdraw('2', { kind: 'withdraw' })]
    ]) {
      expect(fold([upsert('1'), ...facts])?.content.presence).toEqual({ state: 'withdrawn' })
    }
  })

  it('keeps most stamps in one base', () => {
    const next = fold([upsert('5'), patch('6', { listPrice: price('1') })])
    expect(next).toMatchObject({ baseStamp: '5', unitStamps: { listPrice: '6' } })
  })
})

// Generated histories: few instants, so that stamps meet in every part; clocks ahead of ours, so that some are clamped.
const amount = fc.constantFrom('1', '2', '3').map(price)
const text = fc.constantFrom('a', 'b').map((description) => ({ description }))
const someUnits = fc.record(
  { listPrice: amount, floor: fc.constantFrom({ floor: 1 }, { floor: 2 }), 'text.en': text, 'text.bg': text },
  { requiredKeys: [] }
)
const wide = fc.tuple(someUnits, fc.constantFrom({}, { isOver: true })).map(([units, over]) => ({
  ...over,
  change: { kind: 'upsert' as const, units: { ...villa, ...units } },
  covers: everything,
  source: 'feed'
}))
/** A format that knows little of an offer, and leaves the rest to the others. */
const narrow = fc.tuple(amount, text).map(([listPrice, words]) => ({
  change: { kind: 'upsert' as const, units: { listPrice, 'text.de': words } },
  covers: ['listPrice', 'text'] as const,
  source: 'portal'
}))
const patched = fc
  .tuple(someUnits, fc.subarray<UnitName>(['text.en', 'features']))
  .filter(([units, clear]) => Object.keys(units).length + clear.length > 0)
  .map(([units, clear]) => ({
    change: { kind: 'patch' as const, units, clear: clear.filter((unit) => !(unit in units)) },
    covers: [],
    source: 'hook'
  }))
const withdrawn = fc.constantFrom({}, { reason: 'sold' }, { reason: 'let' }).map((why) => ({
  change: { kind: 'withdraw' as const, ...why },
  covers: [],
  source: 'hook'
}))
const vanished = fc.constant({ change: { kind: 'vanish' as const }, covers: [], source: 'feed' })
const times = fc.record({
  factAt: fc.integer({ min: 1, max: 6 }),
  receivedAt: fc.integer({ min: 3, max: 5 }),
  ordinal: fc.integer({ min: 0, max: 1 }),
  formatVersion: fc.integer({ min: 1, max: 2 })
})
const anyFact = fc
  .tuple(
    times,
    fc.option(fc.integer({ min: 1, max: 6 }), { nil: undefined }),
    fc.oneof(wide, narrow, patched, withdrawn, vanished)
  )
  .map(([parts, listedAt, said]): Fact => {
    // The hash of what is said ends a stamp: who has the same one says the same.
    const stamped = { ...parts, recordHash: recordHash(JSON.stringify(said)) }
    const isListed = said.change.kind === 'upsert' && listedAt !== undefined
    return {
      ...said,
      stamp: toStamp(stamped),
      ...(isListed ? { listedStamp: toStamp({ ...stamped, factAt: listedAt }) } : {})
    }
  })
const manyFacts = fc.uniqueArray(anyFact, { minLength: 1, maxLength: 12, selector: ({ stamp }) => stamp })
/** In an order of its own, with some of them again. */
const arrivals = (facts: readonly Fact[]): fc.Arbitrary<Fact[]> =>
  fc
    .tuple(
      fc.shuffledSubarray([...facts], { minLength: facts.length }),
      fc.array(fc.constantFrom(...facts), { maxLength: 6 }),
      fc.infiniteStream(fc.nat())
    )
    .map(([once, again, places]) => {
      const all = [...once]
      for (const fact of again) all.splice((places.next().value ?? 0) % (all.length + 1), 0, fact)
      return all
    })
const histories = manyFacts.chain(arrivals)

/** After each arrival: the model of all that came so far, and the truth about the one that came last. */
const agrees = (apply: typeof merge) =>
  fc.property(histories, (facts) => {
    let state: OfferState | undefined
    for (const [index, fact] of facts.entries()) {
      const before = facts.slice(0, index)
      const { outcome, next } = apply(state, fact)
      state = next ?? state
      expect(outcome).toBe(outcomeOf(before, fact))
      expect(state?.content).toEqual(modelOf(facts.slice(0, index + 1)))
      expect(state?.state).toBe(stateOf(state?.content ?? {}) ?? 'incomplete')
    }
  })

describe('merge, against the model', () => {
  it('ends in the same offer for any order and any duplication of the same facts, and tells the truth on the way', () => {
    fc.assert(agrees(merge), { numRuns: 2_000 })
  })

  it('would be caught deciding by arrival', () => {
    let arrived = 0
    const byArrival: typeof merge = (state, fact) =>
      merge(state, { ...fact, stamp: String((arrived += 1)).padStart(9, '0') })
    expect(fc.check(agrees(byArrival), { numRuns: 1_000 }).failed).toBe(true)
  })

  it('would be caught deciding a whole offer by its newest fact', () => {
    const whole: typeof merge = (state, fact) =>
      state !== undefined && newestOf(state) > fact.stamp ? { outcome: 'stale' } : merge(state, fact)
    expect(fc.check(agrees(whole), { numRuns: 1_000 }).failed).toBe(true)
  })

  it('never resurrects a tombstone by facts that are older, whatever order they come in', () => {
    const end = toStamp({ factAt: 9, receivedAt: 9, ordinal: 0, formatVersion: 1, recordHash: 'e' })
    const ended = manyFacts.chain((facts) => arrivals([...facts, withdraw(end)]))
    fc.assert(
      fc.property(ended, (facts) => {
        let state: OfferState | undefined
        for (const [index, fact] of facts.entries()) {
          state = merge(state, fact).next ?? state
          const isOver = facts.slice(0, index + 1).some(({ stamp }) => stamp === end)
          if (isOver) expect(state?.content.presence).toEqual({ state: 'withdrawn', reason: 'sold' })
        }
      }),
      { numRuns: 1_000 }
    )
  })

  it('reports news exactly when a reader would see a difference', () => {
    fc.assert(
      fc.property(histories, (facts) => {
        let state: OfferState | undefined
        let revision = 0
        const seen: Record<string, unknown> = {}
        for (const fact of facts) {
          const { next, change } = merge(state, fact)
          if (change !== undefined) revision += 1
          for (const [unit, value] of Object.entries(change?.units ?? {})) {
            expect(seen[unit]).toEqual(value.old)
            if (value.new === undefined) delete seen[unit]
            else seen[unit] = value.new
          }
          state = next ?? state
          expect(state?.revision).toBe(revision)
          if (state !== undefined && state.state !== 'incomplete') expect(seen).toEqual(state.content)
        }
      }),
      { numRuns: 1_000 }
    )
  })
})

const newestOf = ({ baseStamp, unitStamps }: OfferState): string =>
  Object.values(unitStamps).reduce(newest, baseStamp)
