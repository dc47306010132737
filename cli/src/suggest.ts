/** The known word nearest to what was typed, when it is near enough to have been meant. */
export const nearest = (typed: string, known: readonly string[]): string | undefined => {
  const ranked = known
    .map((word) => ({ word, distance: distanceOf(typed.toLowerCase(), word.toLowerCase()) }))
    .filter(
      ({ word, distance }) => distance <= Math.max(1, Math.floor(Math.max(word.length, typed.length) / 3))
    )
    .toSorted((a, b) => a.distance - b.distance)
  return ranked[0]?.word ?? known.find((word) => typed.length >= 3 && word.includes(typed))
}

const MENTIONED = 8

/** A sentence that leads on from "No vendor …": the nearest name, the few there are, or where to look. */
export const hintOf = (typed: string, known: readonly string[], elsewhere: string): string => {
  const near = nearest(typed, known)
  if (near !== undefined) return `Did you mean "${near}"?`
  if (known.length === 0 || known.length > MENTIONED) return elsewhere
  return `Known: ${known.join(', ')}.`
}

/** Edits (insert, delete, replace, swap of neighbours) between two words. */
const distanceOf = (a: string, b: string): number => {
  let beforeLast: number[] = []
  let last = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= a.length; i += 1) {
    const current = [i]
    for (let j = 1; j <= b.length; j += 1) {
      const replace = (last[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)
      const swap =
        i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
          ? (beforeLast[j - 2] ?? 0) + 1
          : replace
      current.push(Math.min(replace, swap, (last[j] ?? 0) + 1, (current[j - 1] ?? 0) + 1))
    }
    beforeLast = last
    last = current
  }
  return last[b.length] ?? 0
}
