import type { FeedRunRow } from '@sluice/prisma/tables/feed-runs'
import { counted, displayWidth, formatCount, truncate } from './text.ts'
import { formatDuration } from './when.ts'

/** How far a run is, as one line. Pure. */

/** The figures of a run that a line of progress shows. */
export type Progress = Pick<
  FeedRunRow,
  'bytesRead' | 'bytesTotal' | 'recordsSeen' | 'skipped' | 'published' | 'malformed' | 'startedAt'
> & {
  state: FeedRunRow['state'] | 'fetching'
  /** Absent where nothing is sent. */
  settled?: number
}

const BAR_WIDTH = 24
const FULL = '█'
const EMPTY = '░'

/** `reading ██████░░░░ 52% · 12,000 records · …`, as much of it as the line takes. */
export const renderProgress = (progress: Progress, now: Date, width: number): string => {
  const share = shareOf(progress)
  const head =
    share === undefined
      ? progress.state
      : `${progress.state} ${bar(share)} ${String(Math.floor(share * 100)).padStart(3)}%`
  return partsOf(progress, now).reduce(
    (line, part) => {
      const longer = `${line} · ${part}`
      return displayWidth(longer) <= width - 1 ? longer : line
    },
    truncate(head, Math.max(1, width - 1))
  )
}

/** The same for a log: no bar, every figure. */
export const renderProgressLine = (progress: Progress, now: Date): string => {
  const share = shareOf(progress)
  const head = share === undefined ? progress.state : `${progress.state} ${Math.floor(share * 100)}%`
  return [head, ...partsOf(progress, now)].join(' · ')
}

/** While reading: of the file's bytes; while settling: of the records that were sent. */
const shareOf = ({ state, bytesRead, bytesTotal, published, settled = 0 }: Progress): number | undefined => {
  if (state === 'fetching') return undefined
  const [part, whole] = state === 'reading' ? [bytesRead, bytesTotal ?? 0] : [settled, published]
  if (whole <= 0) return state === 'reading' ? undefined : 1
  return Math.min(1, Math.max(0, part / whole))
}

const partsOf = (progress: Progress, now: Date): readonly string[] => {
  const elapsedMs = Math.max(0, now.getTime() - progress.startedAt.getTime())
  if (progress.state === 'fetching') return [formatDuration(elapsedMs)]
  const { settled } = progress
  // The scheduler notes its figures now and then, workers at once: what has settled had been read and sent.
  const sent = Math.max(progress.published, settled ?? 0)
  return [
    counted(Math.max(progress.recordsSeen, sent + progress.skipped), 'record'),
    ...(settled === undefined ? [] : [`${formatCount(sent)} sent`, `${formatCount(settled)} settled`]),
    ...(progress.skipped > 0 ? [`${formatCount(progress.skipped)} skipped`] : []),
    ...(progress.malformed > 0 ? [`${formatCount(progress.malformed)} unreadable`] : []),
    formatDuration(elapsedMs)
  ]
}

const bar = (share: number): string => {
  const full = Math.round(share * BAR_WIDTH)
  return FULL.repeat(full) + EMPTY.repeat(BAR_WIDTH - full)
}
