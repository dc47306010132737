import type { Census } from '@sluice/prisma/tables/removals'

/** How much may go at once without a person, by the settings of the source. */
export interface HoldLimits {
  holdShare: number
  holdCount: number
}

export interface Conclusions extends Omit<Census, 'seen'> {
  /** Records of the list. */
  records: number
  /** How many stood rejected in the last list that was believed; absent when there was none, or it does not matter. */
  rejectedBefore?: number
}

/** Why removals wait for a person. */
export interface Held {
  code: 'GONE_ALL' | 'GONE_TOO_MANY' | 'REJECTED_TOO_MANY'
  message: string
}

/**
 * Whether what a whole list says is too much to be believed without a person; what somebody has released already is no
 * part of it. Both limits must be passed: a share alone would hold the one sale of a vendor with three offers, a number
 * alone the ordinary day of one with a million. Pure.
 */
export const implausible = (
  { records, known, gone, unreleased, rejected, rejectedBefore }: Conclusions,
  { holdShare, holdCount }: HoldLimits
): Held | undefined => {
  if (unreleased === 0) return undefined
  if (records === 0) {
    return { code: 'GONE_ALL', message: `The file is whole and holds no record; all ${gone} offers would go` }
  }
  const isTooMany = (count: number, of: number): boolean => count > holdCount && count > of * holdShare
  if (isTooMany(unreleased, known)) {
    return {
      code: 'GONE_TOO_MANY',
      message: `${unreleased} of ${known} offers are gone, more than ${percent(holdShare)} and more than ${holdCount}`
    }
  }
  const newly = rejectedBefore === undefined ? 0 : rejected - rejectedBefore
  if (isTooMany(newly, records)) {
    return {
      code: 'REJECTED_TOO_MANY',
      message:
        `${rejected} of ${records} records are rejected, ${rejectedBefore} were before: the file may be broken, ` +
        `and ${unreleased} offers are gone from it`
    }
  }
  return undefined
}

const percent = (share: number): string => `${Math.round(share * 1000) / 10} %`
