import type { FeedRunRow } from '@sluice/prisma/tables/feed-runs'
import type { SourceRow } from '@sluice/prisma/tables/sources'
import { renderTable, toned, type Cell, type Screen } from './render.ts'
import { stateOf } from './run-view.ts'
import { toTableWhen } from './when.ts'

/** How feeds are listed. Pure. */

export interface FeedRow {
  source: SourceRow
  /** The newest. */
  run: FeedRunRow | undefined
}

export const renderFeeds = (feeds: readonly FeedRow[], now: Date, screen: Screen): string =>
  renderTable(
    [
      { title: 'FEED' },
      { title: 'FORMAT', shrinkTo: 8, drop: 2 },
      { title: 'SCHEDULE', shrinkTo: 9, drop: 1 },
      { title: 'NEXT RUN' },
      { title: 'LAST RUN', shrinkTo: 16 }
    ],
    feeds.map(({ source, run }) => [
      source.slug,
      source.format,
      source.schedule ?? 'when asked',
      nextOf(source, now),
      lastOf(run, now)
    ]),
    screen
  )

const nextOf = (source: SourceRow, now: Date): Cell => {
  if (source.pausedAt !== undefined) return toned('paused', 'warn')
  if (source.runRequestedAt !== undefined) return toned('asked for', 'good')
  if (source.nextRunAt === undefined) return toned('when asked', 'dim')
  return source.nextRunAt <= now ? toned('due', 'good') : toTableWhen(source.nextRunAt, now)
}

const lastOf = (run: FeedRunRow | undefined, now: Date): Cell => {
  if (run === undefined) return toned('never', 'dim')
  const { text, tone } = stateOf(run)
  return { ...toTableWhen(run.startedAt, now, `${text}, `), tone }
}
