import type { Micros } from './time.ts'

/**
 * When a vendor's fact was true, as one string whose byte order is the total order that decides which change wins:
 * `<factAt>.<receivedAt>.<ordinal>.<formatVersion>.<record hash>`, numbers in fixed width. So no tie is ever decided
 * by arrival, and Postgres (COLLATE "C") and JavaScript compare it with a plain `<`.
 */
export type Stamp = string

export interface StampParts {
  factAt: Micros
  receivedAt: Micros
  /** Place of the record within its delivery or file. */
  ordinal: number
  formatVersion: number
  /** Hex sha256 of the record (`recordHash`); its first 16 digits count. */
  recordHash: string
}

const MICROS_DIGITS = 17
const ORDINAL_DIGITS = 10
const VERSION_DIGITS = 5
const HASH_DIGITS = 16
const RECORD_HASH_DIGITS = 64

/** Older than every fact: the stamp of a unit nobody has ever set. */
export const NEVER: Stamp = ''

/**
 * Among an offer's stamps by source, the one of no source: the newest that overruled something an upsert said which came
 * later than it. A slug cannot be this.
 */
export const OVERRULED = '*'

/**
 * Among an offer's stamps by unit, those of no unit: when a feed's file listed the offer last, or was the first complete
 * one to list it no more. One of them at most, and only if newer than the stamp of its presence.
 */
export const LISTED = 'listed'
export const GONE = 'gone'

/** The stamp of a fact. A vendor time ahead of receipt is clamped to it: nobody reports the future. */
export const toStamp = (parts: StampParts): Stamp =>
  [
    digits(Math.min(parts.factAt, parts.receivedAt), MICROS_DIGITS),
    digits(parts.receivedAt, MICROS_DIGITS),
    digits(parts.ordinal, ORDINAL_DIGITS),
    digits(parts.formatVersion, VERSION_DIGITS),
    parts.recordHash.slice(0, HASH_DIGITS).padEnd(HASH_DIGITS, '0')
  ].join('.')

/** What a stamp was made of, as far as it says: of the record's hash its first 16 digits, the others are 0. */
export const stampParts = (stamp: Stamp): StampParts => {
  const [factAt, receivedAt, ordinal, formatVersion, hash = ''] = stamp.split('.')
  return {
    factAt: Number(factAt),
    receivedAt: Number(receivedAt),
    ordinal: Number(ordinal),
    formatVersion: Number(formatVersion),
    recordHash: hash.padEnd(RECORD_HASH_DIGITS, '0')
  }
}

/** The `factAt` a stamp was made of. */
export const factAtOf = (stamp: Stamp): Micros => Number(stamp.slice(0, MICROS_DIGITS))

/** Code-unit order: what `COLLATE "C"` does, for the ASCII a stamp is made of. */
export const isNewer = (stamp: Stamp, than: Stamp): boolean => stamp > than

export const newest = (a: Stamp, b: Stamp): Stamp => (a > b ? a : b)

// A time before 1970 has no digits of its own; as the oldest instant it loses to every real fact, which is right.
const digits = (value: number, width: number): string =>
  String(Math.max(0, Math.trunc(value))).padStart(width, '0')
