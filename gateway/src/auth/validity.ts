/** When a key or secret counts, in epoch milliseconds: plain JSON, as it is cached. */
export interface Validity {
  notBefore?: number | undefined
  expiresAt?: number | undefined
  revokedAt?: number | undefined
}

/** Why it does not count now; `undefined` when it does. */
export const invalidity = (
  { notBefore, expiresAt, revokedAt }: Validity,
  nowMs: number
): 'revoked' | 'expired' | 'not yet valid' | undefined => {
  if (revokedAt !== undefined) return 'revoked'
  if (notBefore !== undefined && nowMs < notBefore) return 'not yet valid'
  return expiresAt !== undefined && nowMs >= expiresAt ? 'expired' : undefined
}
