/** Times and durations, as people read and write them. */

const SECOND = 1_000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

/** ISO 8601 in the zone of this machine, to the second: `2026-11-23T14:38:11+01:00`. */
export const toLocalIso = (date: Date): string =>
  `${localDay(date)}T${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}${offset(date)}`

/** The same to the minute, for tables. */
const toLocalMinute = (date: Date): string =>
  `${localDay(date)}T${two(date.getHours())}:${two(date.getMinutes())}${offset(date)}`

/** `3m ago`, `in 2h`, `just now`. */
export const toRelative = (date: Date, now: Date): string => {
  const distance = date.getTime() - now.getTime()
  const size = Math.abs(distance)
  if (size < 5 * SECOND) return 'just now'
  const amount = coarse(size)
  return distance < 0 ? `${amount} ago` : `in ${amount}`
}

/** Both, as a line of its own shows them. */
export const toWhen = (date: Date, now: Date): string => `${toLocalIso(date)} (${toRelative(date, now)})`

/** Both, for a table, where `3m ago` alone will do when there is no room; `before` goes before either. */
export const toTableWhen = (
  date: Date,
  now: Date,
  before = ''
): { text: string; short: string; tone: undefined } => {
  const relative = toRelative(date, now)
  return { text: `${before}${toLocalMinute(date)} (${relative})`, short: before + relative, tone: undefined }
}

/** `850ms`, `12.4s`, `3m 20s`, `2h 5m`. */
export const formatDuration = (ms: number): string => {
  if (ms < SECOND) return `${Math.round(ms)}ms`
  if (ms < MINUTE) return `${(Math.floor(ms / 100) / 10).toString()}s`
  const [big, small, bigUnit, smallUnit] =
    ms < HOUR
      ? ([MINUTE, SECOND, 'm', 's'] as const)
      : ms < DAY
        ? ([HOUR, MINUTE, 'h', 'm'] as const)
        : ([DAY, HOUR, 'd', 'h'] as const)
  const rest = Math.floor((ms % big) / small)
  return `${Math.floor(ms / big)}${bigUnit}${rest === 0 ? '' : ` ${rest}${smallUnit}`}`
}

/** Milliseconds of `90s`, `15m`, `2h`, `30d`; `undefined` when the text is no duration. */
export const parseDuration = (text: string): number | undefined => {
  const match = /^(\d{1,6})(ms|s|m|h|d)$/.exec(text.trim())
  if (match === null) return undefined
  const unit = { ms: 1, s: SECOND, m: MINUTE, h: HOUR, d: DAY }[match[2] as 'ms' | 's' | 'm' | 'h' | 'd']
  return Number(match[1]) * unit
}

const coarse = (ms: number): string => {
  if (ms < MINUTE) return `${Math.floor(ms / SECOND)}s`
  if (ms < HOUR) return `${Math.floor(ms / MINUTE)}m`
  if (ms < 2 * DAY) return `${Math.floor(ms / HOUR)}h`
  if (ms < 730 * DAY) return `${Math.floor(ms / DAY)}d`
  return `${Math.floor(ms / (365 * DAY))}y`
}

const two = (value: number): string => String(Math.abs(value)).padStart(2, '0')

const localDay = (date: Date): string =>
  `${String(date.getFullYear()).padStart(4, '0')}-${two(date.getMonth() + 1)}-${two(date.getDate())}`

const offset = (date: Date): string => {
  const minutes = -date.getTimezoneOffset()
  return minutes === 0
    ? 'Z'
    : `${minutes < 0 ? '-' : '+'}${two(Math.trunc(minutes / 60))}:${two(minutes % 60)}`
}
