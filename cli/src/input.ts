import { InvalidArgumentError } from 'commander'
import { formats, findFormat, type Format } from '@sluice/shared/formats'
import { scheduleProblem } from '@sluice/shared/schedule'
import { isTimeZone, toDate, toMicros } from '@sluice/shared/time'
import { toAddress } from './address.ts'
import { UsageError } from './errors.ts'
import { hintOf, nearest } from './suggest.ts'
import { parseDuration } from './when.ts'

/** What is typed, checked at the door. Each throws a sentence that says what would be right. */

const SLUG = /^[a-z0-9][a-z0-9-]{0,62}$/
const MAX_LIMIT = 10_000
const MAX_RATE = 5_000

export const slug = (text: string): string => {
  if (SLUG.test(text)) return text
  throw new InvalidArgumentError(
    'A slug is 1 to 63 lower-case letters, digits and hyphens and starts with a letter or digit, like acme-crm.'
  )
}

export const displayName = (text: string): string => {
  const trimmed = text.trim()
  if (trimmed !== '' && trimmed.length <= 200) return trimmed
  throw new InvalidArgumentError('A name has 1 to 200 characters.')
}

export const reason = (text: string): string => {
  const trimmed = text.trim()
  if (trimmed !== '' && trimmed.length <= 500) return trimmed
  throw new InvalidArgumentError('A reason has 1 to 500 characters.')
}

export const timeZone = (text: string): string => {
  if (isTimeZone(text)) return text
  const near = nearest(text, Intl.supportedValuesOf('timeZone'))
  throw new InvalidArgumentError(
    `It is no IANA time zone, like Europe/Sofia or UTC.${near === undefined ? '' : ` Did you mean ${near}?`}`
  )
}

/** Reads an address; a relative path begins at `folder`. */
export const addressFrom =
  (folder: () => string) =>
  (text: string): string => {
    const parsed = toAddress(text, folder())
    if (parsed.ok) return parsed.address
    throw new InvalidArgumentError(`An address is a URL or a path: ${parsed.reason}.`)
  }

export const schedule = (text: string): string => {
  const problem = scheduleProblem(text)
  if (problem === undefined) return text.trim()
  throw new InvalidArgumentError(`A schedule is a cron expression, like '0 */6 * * *': ${problem}`)
}

export const duration = (text: string): number => {
  const ms = parseDuration(text)
  if (ms !== undefined) return ms
  throw new InvalidArgumentError('A duration is a number with a unit: 90s, 15m, 2h or 30d.')
}

/** A duration from now, or a date; without a zone it is meant in the zone of this machine. */
export const instant = (text: string): Date => {
  const ms = parseDuration(text)
  if (ms !== undefined) return new Date(Date.now() + ms)
  try {
    return toDate(toMicros(text, Intl.DateTimeFormat().resolvedOptions().timeZone))
  } catch {
    throw new InvalidArgumentError('A time is a duration from now, like 90d, or a date, like 2027-03-31.')
  }
}

/** A duration before now, or a date; without a zone it is meant in the zone of this machine. */
export const past = (text: string): Date => {
  const ms = parseDuration(text)
  if (ms !== undefined) return new Date(Date.now() - ms)
  try {
    return toDate(toMicros(text, Intl.DateTimeFormat().resolvedOptions().timeZone))
  } catch {
    throw new InvalidArgumentError('A time is a duration ago, like 2h, or a date, like 2026-11-23.')
  }
}

export const rate = (text: string): number => {
  const value = Number(text)
  if (Number.isInteger(value) && value >= 1 && value <= MAX_RATE) return value
  throw new InvalidArgumentError(`A rate is a whole number a second, from 1 to ${MAX_RATE}.`)
}

export const limit = (text: string): number => {
  const value = Number(text)
  if (Number.isInteger(value) && value >= 1 && value <= MAX_LIMIT) return value
  throw new InvalidArgumentError(`A limit is a whole number from 1 to ${MAX_LIMIT}.`)
}

/** A share of a whole, `30%` or `0.3`. */
export const share = (text: string): number => {
  const [, number = '', percent] = /^(\d{1,3}(?:\.\d{1,3})?)(%?)$/.exec(text) ?? []
  const value = percent === '%' ? Number(number) / 100 : Number(number)
  if (number !== '' && value <= 1) return value
  throw new InvalidArgumentError('A share is from 0% to 100%.')
}

export const count = (text: string): number => {
  if (/^\d{1,9}$/.test(text)) return Number(text)
  throw new InvalidArgumentError('It is a whole number from 0.')
}

/** A place in the stream of changes; 0 is before the first. */
export const seq = (text: string): number => {
  if (/^\d{1,15}$/.test(text)) return Number(text)
  throw new InvalidArgumentError('A place in the stream is a whole number from 0.')
}

/** What a secret is told apart by. */
export const label = (text: string): string => {
  if (/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/.test(text)) return text
  throw new InvalidArgumentError('A label is 1 to 63 letters, digits, dots, hyphens and underscores.')
}

/** Words between commas. */
export const list = (text: string): readonly string[] => {
  const words = text.split(',').map((word) => word.trim())
  if (words.every((word) => word !== '')) return words
  throw new InvalidArgumentError('It is a list of words with commas between them.')
}

export const jsonObject = (text: string): Record<string, unknown> => {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    value = undefined
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { ...value }
  throw new InvalidArgumentError('It is no JSON object.')
}

/** The id of a run, a rejection or a dead letter. */
export const rowId = (text: string): string => {
  if (/^[1-9]\d{0,17}$/.test(text)) return text
  throw new InvalidArgumentError('An id is a whole number, as the list shows it.')
}

/**
 * The format, if it fits the kind of source.
 * @throws UsageError `FORMAT_UNKNOWN` or `FORMAT_KIND` naming the formats that would do
 */
export const formatFor = (name: string, kind: 'webhook' | 'feed'): Format => {
  const fitting = formats.filter((format) => fits(format, kind)).map((format) => format.name)
  const found = findFormat(name)
  if (found === undefined) {
    const hint = hintOf(name, fitting, '`sluice formats list` shows them.')
    throw new UsageError('FORMAT_UNKNOWN', `No format "${name}". ${hint}`)
  }
  if (fits(found, kind)) return found
  throw new UsageError(
    'FORMAT_KIND',
    `Format "${name}" cannot be used for a ${kind}. For a ${kind} there is: ${fitting.join(', ') || 'none'}.`
  )
}

const fits = (format: Format, kind: 'webhook' | 'feed'): boolean =>
  kind === 'webhook' ? format.webhook : format.feed !== undefined
