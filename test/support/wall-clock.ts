/**
 * The clock on the wall of a time zone, and when a daily time comes on it, worked out by looking at the clock minute by
 * minute: nothing here knows about schedules. For zones whose clock changes at full hours of UTC.
 */
export interface WallClock {
  /** The local day of an instant, in milliseconds of a UTC that shows the same day. */
  dayOf: (at: number) => number
  /** Minutes the clock shows since midnight. */
  minutesAt: (at: number) => number
  /** The instant at which the local day of an instant begins. */
  startOf: (at: number) => number
}

/** A daily feed, by its time, and an instant at which it is due. */
export interface Occurrence {
  time: string
  dueAt: number
}

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
const DAY_MS = 24 * HOUR_MS

/** @param from a full hour; the clock is known from there until `until` */
export const createWallClock = (timeZone: string, from: number, until: number): WallClock => {
  const format = new Intl.DateTimeFormat('sv', { timeZone, dateStyle: 'short', timeStyle: 'medium' })
  const offsets: number[] = []
  for (let at = from; at <= until; at += HOUR_MS) {
    offsets.push(Date.parse(`${format.format(at).replace(' ', 'T')}Z`) - at)
  }
  const shownAt = (at: number): number => at + (offsets[Math.floor((at - from) / HOUR_MS)] ?? NaN)
  const dayOf = (at: number): number => Math.floor(shownAt(at) / DAY_MS) * DAY_MS
  return {
    dayOf,
    minutesAt: (at) => Math.floor((shownAt(at) - dayOf(at)) / MINUTE_MS),
    startOf: (at) => {
      let start = Math.floor(at / HOUR_MS) * HOUR_MS
      while (dayOf(start - 1) === dayOf(at)) start -= HOUR_MS
      return start
    }
  }
}

/**
 * When feeds of these times are due from `from` until before `until`: on each local day at the first minute at which
 * the clock shows that time or a later one. So a time that is skipped comes when the clock goes on, and one that is
 * repeated comes once.
 */
export const occurrencesOf = (
  { dayOf, minutesAt, startOf }: WallClock,
  times: readonly string[],
  from: number,
  until: number
): Occurrence[] => {
  const found: Occurrence[] = []
  for (let start = startOf(from); start < until; start = startOf(start + DAY_MS + 2 * HOUR_MS)) {
    for (const time of times) {
      const [hour = 0, minute = 0] = time.split(':').map(Number)
      let dueAt = start
      while (minutesAt(dueAt) < hour * 60 + minute) dueAt += MINUTE_MS
      if (dayOf(dueAt) === dayOf(start) && dueAt >= from && dueAt < until) found.push({ time, dueAt })
    }
  }
  return found
}
