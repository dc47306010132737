/** How wide a line may be. Pure. */

const MIN_WIDTH = 40
/** Of a terminal that does not say: what one of today and a chat message take. */
export const USUAL_WIDTH = 100

/**
 * What somebody has set wins; else a terminal's own width. Where nobody watches nothing is cut: a pipe has no edge, and
 * what is cut off is what grep looks for.
 */
export const widthOf = (
  { isTTY, columns }: { isTTY?: boolean; columns?: number },
  set: string | undefined
): number => {
  const wished = Number(set)
  if (Number.isInteger(wished) && wished > 0) return Math.max(MIN_WIDTH, wished)
  if (isTTY !== true) return Number.POSITIVE_INFINITY
  return Math.max(MIN_WIDTH, columns ?? USUAL_WIDTH)
}
