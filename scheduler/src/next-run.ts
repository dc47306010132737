import { toError } from '@sluice/shared/errors'
import type { Logger } from '@sluice/shared/log'
import { nextRunAfter, runsBetween } from '@sluice/shared/schedule'
import type { SourceRow } from '@sluice/prisma/tables/sources'

type Scheduled = Pick<SourceRow, 'schedule' | 'timeZone'>

/** Times of the schedule that fell into a run: they are not caught up, the run that was under way counts for them. */
export const overlapsOf = ({ schedule, timeZone }: Scheduled, startedAt: Date): number => {
  try {
    return schedule === undefined ? 0 : runsBetween(schedule, timeZone, startedAt, new Date())
  } catch {
    return 0 // `nextRunOf` says so
  }
}

/**
 * When a feed is due once a run has ended. `startedAt` is by the clock of the database, by which the run was due; ours
 * may still be in front of that, and the run would be due again for the time it ran for.
 */
export const nextRunOf = (
  { schedule, timeZone }: Scheduled,
  startedAt: Date,
  now: Date,
  log: Logger
): Date | undefined => {
  if (schedule === undefined) return undefined
  try {
    return nextRunAfter(schedule, timeZone, now > startedAt ? now : startedAt)
  } catch (thrown) {
    log.error({ err: toError(thrown), schedule, timeZone }, 'schedule cannot be read, the feed will not run')
    return undefined
  }
}
