import type { OfferPlan } from './plan.ts'

/** The JSON of a document. */
export type ToText = (document: object) => string

/**
 * The JSON of the documents of plans. A new offer and the change that tells all of it say the same in two places: each
 * of their values is written once.
 */
export const textsOf = (plans: readonly OfferPlan[]): ToText => {
  const textOf = new Map<object, () => string>()
  for (const { isToldByOffer, next, changes } of plans) {
    const told = changes[0]?.units
    if (!isToldByOffer || next === undefined || told === undefined) continue
    const { content } = next
    const units = Object.keys(content)
    const texts = Object.values(content).map((value) => JSON.stringify(value))
    textOf.set(content, () => membersOf(units, texts, '', ''))
    textOf.set(told, () => membersOf(units, texts, '{"new":', '}'))
  }
  return (document) => textOf.get(document)?.() ?? JSON.stringify(document)
}

/** An object of these members, each between `before` and `after`. A unit's name has nothing to escape. */
const membersOf = (
  units: readonly string[],
  texts: readonly string[],
  before: string,
  after: string
): string => {
  let text = ''
  for (let place = 0; place < units.length; place++) {
    text += `${place === 0 ? '' : ','}"${units[place] ?? ''}":${before}${texts[place] ?? ''}${after}`
  }
  return `{${text}}`
}
