import { OUTCOMES, type Outcome } from '@sluice/shared/change'
import type { FeedRunRow, RunProblem } from '@sluice/prisma/tables/feed-runs'
import { renderFields, renderTable, toned, type Cell, type Screen, type Toned } from './render.ts'
import { counted, formatCount } from './text.ts'
import { formatDuration, toTableWhen, toWhen } from './when.ts'

/** How a feed's run is shown, as text and as a document. Pure. */

export type Outcomes = Readonly<Record<Outcome, number>>

export const isOver = (run: FeedRunRow): boolean => run.state !== 'reading' && run.state !== 'settling'

/** Everything was read, every record of it, and settled: the only end that exits 0. */
const isWhole = (run: FeedRunRow): boolean =>
  run.state === 'done' && run.snapshot !== 'partial' && run.malformed === 0

/** What to say of a run that did not end well; what was read is applied all the same. */
export const failureOf = (run: FeedRunRow): { code: string; message: string } | undefined => {
  if (isWhole(run)) return undefined
  if (run.state === 'failed') {
    return { code: 'RUN_FAILED', message: `Run ${run.id} failed: ${reasonOf(run)}.` }
  }
  if (run.state === 'superseded') {
    return {
      code: 'RUN_SUPERSEDED',
      message: `Run ${run.id} was superseded: its scheduler went away. The next run reads the file again.`
    }
  }
  const part =
    run.snapshot === 'partial'
      ? `read only a part of the file: ${reasonOf(run)}`
      : `could not read ${formatCount(run.malformed)} of ${counted(run.recordsSeen, 'record')}`
  return { code: 'RUN_PARTIAL', message: `Run ${run.id} ${part}. What it read is applied.` }
}

/** A run as `--json` shows it. */
export const toRunDocument = (run: FeedRunRow, outcomes?: Outcomes): Record<string, unknown> => ({
  id: run.id,
  feed: run.sourceSlug,
  trigger: run.trigger,
  state: run.state,
  snapshot: run.snapshot ?? null,
  startedAt: run.startedAt,
  readAt: run.readAt ?? null,
  finishedAt: run.finishedAt ?? null,
  bytesTotal: run.bytesTotal ?? null,
  bytesRead: run.bytesRead,
  recordsSeen: run.recordsSeen,
  skipped: run.skipped,
  published: run.published,
  malformed: run.malformed,
  duplicates: run.duplicates,
  vanished: run.vanished,
  full: run.full,
  overlapped: run.overlapped,
  etag: run.etag ?? null,
  sha256: run.bodySha256 ?? null,
  unchangedSince: run.unchangedSince ?? null,
  removals:
    run.removals === undefined
      ? null
      : {
          state: run.removals,
          known: run.known ?? null,
          gone: run.gone ?? null,
          code: run.removalsCode ?? null,
          reason: run.removalsReason ?? null,
          by: run.removalsBy ?? null,
          at: run.removalsAt ?? null,
          run: run.removalsRunId ?? null
        },
  error: run.errorCode === undefined ? null : { code: run.errorCode, message: run.errorMessage ?? '' },
  problems: run.problems.map(toProblemDocument),
  ...(outcomes === undefined ? {} : { outcomes })
})

export const toProblemDocument = ({
  offset,
  ordinal,
  externalId,
  code,
  message
}: RunProblem): Record<string, unknown> => ({
  offset: offset ?? null,
  ordinal: ordinal ?? null,
  offer: externalId ?? null,
  code,
  message
})

export const renderRuns = (runs: readonly FeedRunRow[], now: Date, screen: Screen): string =>
  renderTable(
    [
      { title: 'RUN' },
      { title: 'FEED', shrinkTo: 10 },
      { title: 'STATE' },
      { title: 'STARTED' },
      { title: 'TOOK', drop: 1 },
      { title: 'RECORDS', align: 'right' },
      { title: 'SENT', align: 'right' },
      { title: 'SKIPPED', align: 'right', drop: 2 }
    ],
    runs.map((run) => [
      run.id,
      run.sourceSlug,
      stateOf(run),
      toTableWhen(run.startedAt, now),
      tookOf(run, now),
      formatCount(run.recordsSeen),
      formatCount(run.published),
      formatCount(run.skipped)
    ]),
    screen
  )

interface Shown {
  outcomes: Outcomes
  /** Offers that would go, the first of them. */
  pending?: readonly string[]
  now: Date
}

export const renderRun = (
  run: FeedRunRow,
  { outcomes, pending = [], now }: Shown,
  screen: Screen
): string => {
  const settled = outcomesText(outcomes)
  const fields = renderFields(
    [
      ['run', toned(run.id, 'strong')],
      ['feed', run.sourceSlug],
      ['state', stateOf(run)],
      ...(run.errorCode === undefined
        ? []
        : [['reason', toned(`${reasonOf(run)} (${run.errorCode})`, 'bad')] as const]),
      ['trigger', run.full ? `${run.trigger}, full` : run.trigger],
      ['started', toWhen(run.startedAt, now)],
      ...(run.finishedAt === undefined ? [] : [['finished', toWhen(run.finishedAt, now)] as const]),
      ['took', tookOf(run, now)],
      ...(run.overlapped === 0
        ? []
        : [['overlapped', `${counted(run.overlapped, 'time')} of its schedule, skipped`] as const]),
      ['file', counted(run.bytesTotal ?? run.bytesRead, 'byte')],
      ['records', recordsOf(run)],
      ...(run.removals === undefined ? [] : [['vanished', removalsOf(run, now)] as const]),
      ...(pending.length === 0
        ? []
        : [['would go', `${pending.join(', ')}${pending.length < (run.gone ?? 0) ? ', …' : ''}`] as const]),
      ['outcomes', settled === '' ? (run.published === 0 ? 'none: nothing was sent' : 'none yet') : settled]
    ],
    screen
  )
  return run.problems.length === 0 ? fields : `${fields}\n\n${renderProblems(run.problems, screen)}`
}

/** `3 created, 1 rejected`; empty when there is none. */
export const outcomesText = (outcomes: Outcomes): string =>
  OUTCOMES.filter((outcome) => outcomes[outcome] > 0)
    .map((outcome) => `${formatCount(outcomes[outcome])} ${outcome}`)
    .join(', ')

const recordsOf = (run: FeedRunRow): string =>
  [
    `${formatCount(run.recordsSeen)} seen`,
    `${formatCount(run.published)} sent`,
    `${formatCount(run.skipped)} skipped (unchanged)`,
    ...(run.malformed > 0 ? [`${formatCount(run.malformed)} unreadable`] : []),
    ...(run.duplicates > 0 ? [`${formatCount(run.duplicates)} twice`] : [])
  ].join(', ')

const removalsOf = (run: FeedRunRow, now: Date): Cell => {
  const gone = run.gone ?? 0
  const of = `${formatCount(gone)} of ${formatCount(run.known ?? 0)}`
  const by = `${run.removalsBy ?? '?'}, ${run.removalsAt === undefined ? '?' : toWhen(run.removalsAt, now)}`
  const later = run.removalsRunId === undefined ? '' : ` by run ${run.removalsRunId}`
  const why = `${(run.removalsReason ?? '').replace(/\.$/, '')} (${run.removalsCode ?? ''})`
  switch (run.removals) {
    case 'pending':
      return toned(`pending: ${why}. \`sluice runs release ${run.id}\` or \`dismiss\``, 'warn')
    case 'released':
      return `${of} released (${by}), carried out by the next run`
    case 'dismissed':
      return `${of} dismissed (${by})`
    case 'replaced':
      return `${of}, replaced${later}`
    case 'sending':
    case 'sent':
      return `${of} gone, ${run.removals === 'sent' ? 'withdrawn' : 'being withdrawn'}${later}`
    default:
      return gone === 0 ? 'none' : `${of} missing, ${WHEN_FOUND_AGAIN}`
  }
}

/** Of a list that is older than one before it. */
export const WHEN_FOUND_AGAIN = 'withdrawn when the file is found again (FEED_OLDER)'

export const renderProblems = (
  problems: readonly RunProblem[],
  screen: Screen,
  title = `Problems (the first ${problems.length})`
): string =>
  [
    `${title}:`,
    renderTable(
      [
        { title: 'BYTE', align: 'right' },
        { title: 'RECORD', align: 'right', drop: 1 },
        { title: 'OFFER', shrinkTo: 10 },
        { title: 'CODE' },
        { title: 'WHAT', shrinkTo: 24 }
      ],
      problems.map((problem) => [
        problem.offset === undefined ? '' : formatCount(problem.offset),
        problem.ordinal === undefined ? '' : formatCount(problem.ordinal),
        problem.externalId ?? '',
        problem.code,
        problem.message
      ]),
      screen
    )
  ].join('\n')

/** How it stands, in the same words wherever runs are listed. */
export const stateOf = (run: FeedRunRow): Toned => {
  if (run.state === 'failed' || run.state === 'superseded') return toned(run.state, 'bad')
  if (run.state !== 'done') return { text: run.state, tone: undefined }
  const but = reservationOf(run)
  return but === undefined ? toned('done', 'good') : toned(`done, ${but}`, 'warn')
}

/** Why somebody should look at a run that is done. */
const reservationOf = (run: FeedRunRow): string | undefined => {
  if (run.removals === 'pending') return 'pending'
  if (run.snapshot === 'partial') return 'partial'
  if (run.malformed > 0) return `${formatCount(run.malformed)} unreadable`
  const isAllRejected = run.published > 0 && run.skipped === 0 && run.outcomes?.rejected === run.published
  return isAllRejected ? 'all rejected' : undefined
}

const reasonOf = (run: FeedRunRow): string =>
  (run.errorMessage ?? run.errorCode ?? 'no reason given').replace(/\.$/, '')

const tookOf = (run: FeedRunRow, now: Date): string =>
  formatDuration(Math.max(0, (run.finishedAt ?? now).getTime() - run.startedAt.getTime()))
