/** A wait nobody sees the end of. */
export const backoffMs = (): number => 3_600_000
