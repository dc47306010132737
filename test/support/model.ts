import { isDeepStrictEqual } from 'node:util'
import type { Change, Outcome } from '@sluice/shared/change'
import { isTextUnit, REQUIRED_UNITS, type OfferContent, type UnitFamily } from '@sluice/shared/offer'
import type { Stamp } from '@sluice/shared/stamp'

/**
 * What the merge, and a house full of workers, must come to: all facts sorted by stamp and folded, each simply
 * overwriting what it speaks of. It shares no line with `merge.ts`, keeps no stamps, and has time to be naive.
 */

/** What the model needs to know of a fact; the worker's own `Fact` is one. */
export interface Told {
  change: Change | { kind: 'vanish' }
  stamp: Stamp
  listedStamp?: Stamp
  isOver?: boolean
  covers: readonly UnitFamily[]
}

/** The offer after all of `facts`, in whatever order they are given. */
export const modelOf = (facts: readonly Told[]): OfferContent => {
  const content = new Map<string, unknown>()
  for (const { change, isOver = false, covers } of facts.toSorted((a, b) => (a.stamp < b.stamp ? -1 : 1))) {
    if (change.kind === 'vanish') continue
    if (change.kind === 'upsert') {
      for (const unit of content.keys()) if (speaksOf(covers, unit)) content.delete(unit)
      content.set('presence', isOver ? withdrawn('expired') : { state: 'active' })
    } else if (change.kind === 'patch') for (const unit of change.clear) content.delete(unit)
    if (change.kind === 'withdraw') content.set('presence', withdrawn(change.reason))
    else for (const [unit, value] of Object.entries(change.units)) content.set(unit, value)
  }
  if (isGone(facts) && (content.get('presence') as { state?: string } | undefined)?.state !== 'withdrawn')
    content.set('presence', withdrawn('vanished'))
  return Object.fromEntries(content) as OfferContent
}

/** Whether the lists have the last word on the offer, and the newest of them is without it. */
const isGone = (facts: readonly Told[]): boolean => {
  const newest = facts.flatMap(listingOf).toSorted((a, b) => (a.stamp < b.stamp ? 1 : -1))[0]
  return newest?.isGone === true && facts.every((fact) => newest.stamp > saidAt(fact))
}

const listingOf = ({ change, stamp, listedStamp }: Told): { stamp: Stamp; isGone: boolean }[] => {
  if (change.kind === 'vanish') return [{ stamp, isGone: true }]
  return change.kind === 'upsert' && listedStamp !== undefined ? [{ stamp: listedStamp, isGone: false }] : []
}

/** When it says whether the offer is there; never, if it does not. */
const saidAt = ({ change: { kind }, stamp }: Told): Stamp =>
  kind === 'upsert' || kind === 'withdraw' ? stamp : ''

/** The state of an offer with this content; of one that nobody has spoken of, `undefined`. */
export const stateOf = (content: OfferContent): 'incomplete' | 'active' | 'withdrawn' | undefined => {
  if (Object.keys(content).length === 0) return undefined
  const isComplete = ['presence' as const, ...REQUIRED_UNITS].every((unit) => content[unit] !== undefined)
  if (!isComplete) return 'incomplete'
  return content.presence?.state === 'withdrawn' ? 'withdrawn' : 'active'
}

/** What must be said of a fact that comes after `before` (which may hold it already): the truth about it. */
export const outcomeOf = (before: readonly Told[], fact: Told): Outcome => {
  const isNew = before.every(({ stamp }) => stamp !== fact.stamp)
  const after = isNew ? [...before, fact] : before
  if (!decides(after, fact)) return 'stale'
  const [old, now] = [modelOf(before), modelOf(after)]
  if (isDeepStrictEqual(old, now)) return 'unchanged'
  const [was, is] = [stateOf(old), stateOf(now)]
  if (is === 'incomplete') return 'incomplete'
  if (is === 'withdrawn' && was !== 'withdrawn') return 'withdrawn'
  return was === undefined || was === 'incomplete' ? 'created' : 'updated'
}

/** Whether anything of the fact stands: of some unit it is the newest that speaks of it. */
const decides = (facts: readonly Told[], fact: Told): boolean =>
  listingOf(fact).some(({ stamp }) =>
    facts.every((other) => stamp > saidAt(other) && listingOf(other).every((list) => list.stamp <= stamp))
  ) ||
  unitsOf(fact).some((unit) =>
    facts.every((other) => other.stamp <= fact.stamp || !unitsOf(other).some((own) => includes(own, unit)))
  )

/** Units, and for an upsert the families it decides as a whole. */
const unitsOf = ({ change, covers }: Told): string[] => {
  if (change.kind === 'vanish') return []
  if (change.kind === 'withdraw') return ['presence']
  if (change.kind === 'patch') return [...change.clear, ...Object.keys(change.units)]
  return ['presence', ...covers]
}

const includes = (unitOrFamily: string, unit: string): boolean =>
  unitOrFamily === unit || (unitOrFamily === 'text' && isTextUnit(unit))

const speaksOf = (covers: readonly string[], unit: string): boolean =>
  covers.some((family) => includes(family, unit))

const withdrawn = (reason: string | undefined): unknown =>
  reason === undefined ? { state: 'withdrawn' } : { state: 'withdrawn', reason }
