/** What is needed to know of a change to tell its offer. */
interface OfOffer {
  vendor: string
  externalId: string
}

/**
 * Parts changes, in their order, so that no part holds two of one offer: within a part they may be published at once
 * and confirmed in any order, and still every offer's changes arrive one after another. Pure.
 */
export const wavesOf = <T extends OfOffer>(changes: readonly T[]): T[][] => {
  const waves: T[][] = []
  let offers = new Set<string>()
  for (const change of changes) {
    const offer = `${change.vendor} ${change.externalId}` // a slug has no space
    if (waves.length === 0 || offers.has(offer)) {
      waves.push([])
      offers = new Set()
    }
    offers.add(offer)
    waves.at(-1)?.push(change)
  }
  return waves
}
