import type { OfferPlan } from './plan.ts'

/** The JSON of a document. */
export type ToText = (document: object) => string

/**
 * The JSON of the documents of plans. A new offer and the change that tells all of it say the same in two places: each
 * of their values is written once.
 */
export const textsOf = (plans: readonly OfferPlan[]): ToText => {
  const membersOf = new Map<object, () => readonly string[]>()
  for (const { isToldByOffer, next, changes } of plans) {
    const told = changes[0]?.units
    if (!isToldByOffer || next === undefined || told === undefined) continue
    const texts = Object.entries(next.content).map(([unit, value]) => [unit, JSON.stringify(value)] as const)
    // A unit's name has nothing to escape.
    membersOf.set(next.content, () => texts.map(([unit, text]) => `"${unit}":${text}`))
    membersOf.set(told, () => texts.map(([unit, text]) => `"${unit}":{"new":${text}}`))
  }
  return (document) => {
    const members = membersOf.get(document)
    return members === undefined ? JSON.stringify(document) : `{${members().join(',')}}`
  }
}
