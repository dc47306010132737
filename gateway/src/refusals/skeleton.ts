const MAX_BYTES = 200

/**
 * The beginning of a body with every letter as `x` and every digit as `0`: enough to see where it stops being JSON or
 * XML, and nothing of what it says.
 */
export const skeletonOf = (body: Buffer): string =>
  body
    .subarray(0, MAX_BYTES)
    .toString('utf8')
    .replaceAll(/\p{N}/gu, '0')
    .replaceAll(/[^\p{P}\p{S}\s0]/gu, 'x')
    .replaceAll(/[^\S ]+/g, ' ')
