import { Temporal } from 'temporal-polyfill'
import { RecordError } from './errors.ts'

/**
 * Epoch microseconds: the one scale on which facts of all sources of a vendor are compared.
 * A double holds them exactly until the year 2255.
 */
export type Micros = number

/** Microseconds of now; the clock itself ticks in milliseconds. */
export const nowMicros = (): Micros => Date.now() * 1000

export const fromDate = (date: Date): Micros => date.getTime() * 1000

export const toDate = (micros: Micros): Date => new Date(Math.floor(micros / 1000))

/** ISO 8601 in UTC with all six digits of a second: `2026-11-23T13:38:11.123456Z`. */
export const toIso = (micros: Micros): string => {
  const millis = Math.floor(micros / 1000)
  if (millis !== lately.millis) lately = { millis, text: new Date(millis).toISOString().slice(0, -1) }
  return `${lately.text}${String(micros - millis * 1000).padStart(3, '0')}Z`
}

/** Every message writes the moment of its receipt twice, and many come in one millisecond. */
let lately = { millis: Number.NaN, text: '' }

/** The inverse of `toIso`; `undefined` when the text is not an instant. */
export const fromIso = (text: string): Micros | undefined => {
  if (OF_OURS.test(text)) return Date.parse(`${text.slice(0, 23)}Z`) * 1000 + Number(text.slice(23, 26))
  if (!ISO_INSTANT.test(text)) return undefined
  return instantOrUndefined(text)
}

/**
 * What `toIso` writes, and every envelope carries twice: `Date` reads it in a tenth of the time. It would take a 30th of
 * February for a day of March and 24:00 for an hour, so the ends of months and what is no hour are left to others.
 */
const OF_OURS = /^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|1\d|2[0-8])T([01]\d|2[0-3])(:[0-5]\d){2}\.\d{6}Z$/

const ISO_INSTANT = /^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2}([.,]\d{1,9})?)?(Z|z|[+-]\d{2}:?\d{2})$/
const ISO_LOCAL = /^\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}([.,]\d{1,9})?)?)?$/

const instantOrUndefined = (text: string): Micros | undefined => {
  try {
    return Number(Temporal.Instant.from(text.replace(' ', 'T')).epochNanoseconds / 1000n)
  } catch {
    return undefined // 2026-02-30 and the like: shaped as a date, but not one
  }
}

/**
 * What an envelope can carry and a stamp compares; everything beyond is "for ever ago" or "not yet", whichever year a
 * vendor writes for it: 0001-01-01 and 9999-12-31T23:59:59.999 are the empty dates of some platforms.
 */
const EARLIEST: Micros = 0
const LATEST: Micros = Date.UTC(2200, 0, 1) * 1000

/**
 * When a vendor's fact was true, never before 1970 and never after 2200. Takes ISO 8601 with a zone, the same without one (then it is wall-clock time in
 * `timeZone`; in the hour a clock change repeats the earlier reading is meant), a date alone (its midnight), and
 * Unix time of 1990 to 2100 in seconds, milliseconds or microseconds, told apart by size.
 * @throws RecordError `FACT_AT_INVALID` when it is none of these.
 */
export const toMicros = (value: string | number, timeZone: string, path = ''): Micros => {
  const text = String(value).trim()
  const micros = /^\d{9,16}$/.test(text)
    ? fromUnix(Number(text))
    : (fromIso(text) ?? fromLocal(text, timeZone))
  if (micros !== undefined) return Math.max(EARLIEST, Math.min(micros, LATEST))
  throw new RecordError(
    'FACT_AT_INVALID',
    `"${text.slice(0, 40)}" is not a date; send ISO 8601, like 2026-11-23T10:15:00Z`,
    { path }
  )
}

const UNIX_FROM = Date.UTC(1990, 0, 1) * 1000
const UNIX_UNTIL = Date.UTC(2100, 0, 1) * 1000

/** `undefined` outside of our days: `202611231015` is a date without its hyphens, and no number of milliseconds. */
const fromUnix = (unix: number): Micros | undefined => {
  const micros = unix < 1e11 ? unix * 1e6 : unix < 1e14 ? unix * 1e3 : unix
  return micros >= UNIX_FROM && micros < UNIX_UNTIL ? micros : undefined
}

const fromLocal = (text: string, timeZone: string): Micros | undefined => {
  if (!ISO_LOCAL.test(text)) return undefined
  try {
    const zoned = Temporal.PlainDateTime.from(text.replace(' ', 'T')).toZonedDateTime(timeZone, {
      disambiguation: 'earlier'
    })
    return Number(zoned.epochNanoseconds / 1000n)
  } catch {
    return undefined
  }
}

/** Whether the name is an IANA time zone this machine knows, like `Europe/Sofia`. */
export const isTimeZone = (name: string): boolean => {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone !== ''
  } catch {
    return false
  }
}
