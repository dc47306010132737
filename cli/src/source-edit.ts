import type { SourcePatch, SourceRow } from '@sluice/prisma/tables/sources'
import { nextRunAfter } from '@sluice/shared/schedule'
import { UsageError } from './errors.ts'
import { formatFor } from './input.ts'

/** What an edit of a source changes. Pure. */

export interface EditOptions {
  format?: string
  timeZone?: string
  address?: string
  schedule?: string | false
  exportLag?: number
  holdShare?: number
  holdCount?: number
}

const FEED_ONLY = ['address', 'schedule', 'exportLag', 'holdShare', 'holdCount'] as const

/** Only what differs from now. A feed's next run follows its schedule and time zone. */
export const toPatch = (source: SourceRow, options: EditOptions, now: Date): SourcePatch => {
  const foreign = FEED_ONLY.find((name) => options[name] !== undefined)
  if (source.kind === 'webhook' && foreign !== undefined) {
    throw new UsageError(
      'SOURCE_KIND',
      `"${source.slug}" is a webhook; an address, a schedule, an export lag and limits of removals are for feeds.`
    )
  }
  if (Object.keys(options).length === 0) {
    throw new UsageError('EDIT_EMPTY', 'Say what to change; `sluice sources edit --help` lists the settings.')
  }
  const schedule = options.schedule === false ? null : options.schedule
  const patch: SourcePatch = {
    ...(options.format !== undefined && options.format !== source.format
      ? { format: formatFor(options.format, source.kind).name }
      : {}),
    ...(options.timeZone !== undefined && options.timeZone !== source.timeZone
      ? { timeZone: options.timeZone }
      : {}),
    ...(options.address !== undefined && options.address !== source.address
      ? { address: options.address }
      : {}),
    ...(schedule !== undefined && schedule !== (source.schedule ?? null) ? { schedule } : {}),
    ...(options.exportLag !== undefined && options.exportLag !== source.exportLagMs
      ? { exportLagMs: options.exportLag }
      : {})
  }
  const isRescheduled = source.kind === 'feed' && ('schedule' in patch || 'timeZone' in patch)
  return isRescheduled ? { ...patch, nextRunAt: nextRunOf(source, patch, now) } : patch
}

/** What an edit changes that says nothing about records. */
export const toHold = (
  source: SourceRow,
  { holdShare, holdCount }: EditOptions
): { holdShare?: number; holdCount?: number } => ({
  ...(holdShare !== undefined && holdShare !== source.holdShare ? { holdShare } : {}),
  ...(holdCount !== undefined && holdCount !== source.holdCount ? { holdCount } : {})
})

const nextRunOf = (source: SourceRow, patch: SourcePatch, now: Date): Date | null => {
  const schedule = patch.schedule === undefined ? source.schedule : patch.schedule
  if (schedule === undefined || schedule === null) return null
  return nextRunAfter(schedule, patch.timeZone ?? source.timeZone, now) ?? null
}
