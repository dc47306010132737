import { toned, type Cell } from './render.ts'

/** When a key or a secret counts, as it is stored. */
export interface Validity {
  notBefore?: Date
  expiresAt?: Date
  revokedAt?: Date
}

type ValidityState = 'valid' | 'revoked' | 'expired' | 'not yet valid'

export const validityOf = ({ notBefore, expiresAt, revokedAt }: Validity, now: Date): ValidityState => {
  if (revokedAt !== undefined) return 'revoked'
  if (expiresAt !== undefined && expiresAt <= now) return 'expired'
  return notBefore !== undefined && notBefore > now ? 'not yet valid' : 'valid'
}

export const validityCell = (row: Validity, now: Date): Cell => {
  const state = validityOf(row, now)
  return toned(state, state === 'valid' ? 'good' : state === 'not yet valid' ? 'warn' : 'dim')
}
