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
    if (!isToldByOffer || next === undefined || told === undefined) continue // it has units, or nobody were told
    // Put together without a copy of the values; whoever sends the texts makes one of the whole.
    let own = ''
    let asChange = ''
    for (const [unit, value] of Object.entries(next.content)) {
      const text = JSON.stringify(value)
      const before = own === '' ? '{' : ','
      own += `${before}"${unit}":${text}` // a unit's name has nothing to escape
      asChange += `${before}"${unit}":{"new":${text}}`
    }
    known.set(next.content, `${own}}`)
    known.set(told, `${asChange}}`)
  }
  return (document) => known.get(document) ?? JSON.stringify(document)
}
