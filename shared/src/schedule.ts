import { createTask, validateDetailed, type ParsedFields } from 'node-cron'
import { Temporal } from 'temporal-polyfill'

/**
 * When a feed is due: a cron expression of five fields, read on the clock on the wall of the source's time zone.
 * Day of month and day of week must both match. Clock changes follow cron's old rule: a time that does not exist runs
 * at the first instant that does, a time that comes twice runs once – but a schedule for every hour goes on evenly.
 */

/** Leap days that fall on a given weekday are up to 28 years apart, 40 around a century. */
const MAX_DAYS = 366 * 41

const MAX_LENGTH = 200
const FIELDS = 5

/** What is wrong with an expression, for a person; `undefined` when nothing is. */
export const scheduleProblem = (expression: string): string | undefined => {
  // node-cron would count through `1-99999999`, and take a sixth field for seconds.
  if (expression.length > MAX_LENGTH || /\d{5}/.test(expression)) return 'is not a cron expression'
  const given = expression.trim().split(/\s+/).length
  if (given > FIELDS) return 'has more than five fields'
  const { valid, errors } = validateDetailed(expression)
  if (!valid && given < FIELDS) return 'has fewer than five fields'
  return valid ? undefined : (errors[0]?.message ?? 'is not a cron expression')
}

/**
 * The first instant after `after` at which the schedule is due; `undefined` when there is none.
 * @throws RangeError when the expression or the time zone is none.
 */
export const nextRunAfter = (expression: string, timeZone: string, after: Date): Date | undefined => {
  for (const at of runsAfter(expression, timeZone, after)) return at
  return undefined
}

/** More are not counted: who is that late has other troubles. */
const MAX_COUNTED = 10_000

/** How often the schedule was due after `after`, until `until` inclusive. @throws RangeError as `nextRunAfter` */
export const runsBetween = (expression: string, timeZone: string, after: Date, until: Date): number => {
  let count = 0
  for (const at of runsAfter(expression, timeZone, after)) {
    if (at > until || count === MAX_COUNTED) return count
    count += 1
  }
  return count
}

/** The instants after `after` at which the schedule is due, in their order, for as long as there are any. */
function* runsAfter(expression: string, timeZone: string, after: Date): Generator<Date, void> {
  const problem = scheduleProblem(expression)
  const { fields } = problem === undefined ? validateDetailed(expression) : {}
  if (fields === undefined) throw new RangeError(`"${expression}" is no schedule: ${problem}`)
  const isDue = dayMatcher(expression, fields)
  let last = after.getTime()
  let day = Temporal.Instant.fromEpochMilliseconds(last).toZonedDateTimeISO(timeZone).toPlainDate()
  for (let tried = 0; tried < MAX_DAYS; tried++, day = day.add({ days: 1 })) {
    if (!isDue(day)) continue
    for (const instant of instantsOf(day, timeZone, fields)) {
      if (instant <= last) continue
      yield new Date(instant)
      last = instant
      tried = 0
    }
  }
}

/** Whether the schedule has runs on a day. node-cron knows about `L`, `W` and `#`; asked in UTC, no clock changes. */
const dayMatcher = (
  expression: string,
  { hour, minute, second }: ParsedFields
): ((day: Temporal.PlainDate) => boolean) => {
  const task = createTask(expression, () => undefined, { timezone: 'UTC' })
  void task.destroy() // it must not stay in node-cron's registry; matching needs nothing of that
  return ({ year, month, day }) =>
    task.match(new Date(Date.UTC(year, month - 1, day, hour[0], minute[0], second[0])))
}

/** Epoch milliseconds of a day's runs, ascending. */
const instantsOf = (day: Temporal.PlainDate, timeZone: string, fields: ParsedFields): number[] => {
  const minutes = fields.hour.flatMap((hour) => fields.minute.map((minute) => hour * 60 + minute))
  const start = day.toZonedDateTime(timeZone)
  const isEven = start.hoursInDay === 24
  const isHourly = fields.hour.length === 24
  const starts = isEven
    ? minutes.map((minute) => start.epochMilliseconds + minute * 60_000)
    : minutes.flatMap((minute) => onChangeDay(day, minute, timeZone, isHourly))
  const instants = starts.flatMap((instant) => fields.second.map((second) => instant + second * 1000))
  return [...new Set(instants)].toSorted((a, b) => a - b)
}

/** The instants of a minute of a day on which the clock changes. */
const onChangeDay = (
  day: Temporal.PlainDate,
  minuteOfDay: number,
  timeZone: string,
  isHourly: boolean
): number[] => {
  const time = { hour: Math.floor(minuteOfDay / 60), minute: minuteOfDay % 60 }
  const wall = day.toPlainDateTime(time)
  const earlier = wall.toZonedDateTime(timeZone, { disambiguation: 'earlier' })
  const later = wall.toZonedDateTime(timeZone, { disambiguation: 'later' })
  if (earlier.epochMilliseconds === later.epochMilliseconds) return [earlier.epochMilliseconds]
  const isGap = !earlier.toPlainDateTime().equals(wall)
  if (!isGap)
    return isHourly ? [earlier.epochMilliseconds, later.epochMilliseconds] : [earlier.epochMilliseconds]
  const change = earlier.getTimeZoneTransition('next')
  return isHourly || change === null ? [] : [change.epochMilliseconds]
}
