import { toJsonOf } from '@sluice/shared/json'
import type { OfferPlan } from './plan.ts'

/** The JSON of a document. */
export type ToText = (document: object) => string

/**
 * The JSON of the documents of plans. A new offer and the change that tells all of it say the same in two places: each
 * of their values is written once.
 */
export const textsOf = (plans: readonly OfferPlan[]): ToText => {
  const known = new Map<object, string>()
  for (const { isToldByOffer, next, changes } of plans) {
    const told = changes[0]?.units
    if (!isToldByOffer || next === undefined || told === undefined) continue
    const own: string[] = []
    const toldOf: string[] = []
    for (const [unit, value] of Object.entries(next.content)) {
      const [name, text] = [JSON.stringify(unit), JSON.stringify(value)]
      own.push(`${name}:${text}`)
      toldOf.push(`${name}:{"new":${text}}`)
    }
    known.set(next.content, toJsonOf('{}', own))
    known.set(told, toJsonOf('{}', toldOf))
  }
  return (document) => known.get(document) ?? JSON.stringify(document)
}
