import type { Preview, PreviewRejection } from '@sluice/scheduler/preview'
import { toKindCell } from './change-view.ts'
import { renderTurns } from './offer-view.ts'
import { paint, renderFields, toned, type Cell, type Screen } from './render.ts'
import { outcomesText, renderProblems, toProblemDocument, WHEN_FOUND_AGAIN } from './run-view.ts'
import { clean, counted, ELLIPSIS, formatCount } from './text.ts'

/** How a preview of a run is shown, as text and as a document. Pure. */

/** Whose preview it is, and of what: an address that may be shown, or the path of a file. */
export interface Previewed {
  feed: string
  from: string
}

/** As `--json` shows it: figures, outcomes and problems under the names a run has them. */
export const toPreviewDocument = (preview: Preview, { feed, from }: Previewed): Record<string, unknown> => {
  const { figures, reading, removals, held } = preview
  return {
    feed,
    from,
    snapshot: reading.snapshot,
    bytesTotal: preview.bytesTotal ?? null,
    sha256: preview.sha256 ?? null,
    unchangedSince: preview.unchangedSince ?? null,
    ...figures,
    removals:
      removals === undefined
        ? null
        : {
            state: removals.state,
            known: removals.known,
            gone: removals.gone,
            code: held?.code ?? null,
            reason: held?.message ?? null
          },
    held: held ?? null,
    error:
      reading.errorCode === undefined
        ? null
        : { code: reading.errorCode, message: reading.errorMessage ?? '' },
    outcomes: preview.outcomes,
    gone: preview.gone,
    changed: preview.changed,
    changes: preview.changes.map(({ externalId, kind, units }) => ({ offer: externalId, kind, units })),
    rejections: preview.rejections.map(({ externalId, path, ...rest }) => ({
      offer: externalId,
      path: path ?? null,
      ...rest
    })),
    problems: preview.problems.map(toProblemDocument)
  }
}

export const renderPreview = (preview: Preview, previewed: Previewed, screen: Screen): string =>
  [
    renderFields(
      [
        ['preview of', toned(previewed.feed, 'strong')],
        ['from', previewed.from],
        ['file', fileOf(preview)],
        ['records', recordsOf(preview)],
        ['outcomes', outcomesText(preview.outcomes) || 'none: nothing would be sent'],
        ['vanished', vanishedOf(preview)],
        ...(preview.gone.length === 0 ? [] : [['gone', idsOf(preview)] as const])
      ],
      screen
    ),
    ...(preview.changes.length === 0 ? [] : [renderChanges(preview, screen)]),
    ...(preview.rejections.length === 0 ? [] : [renderRejections(preview, screen)]),
    ...(preview.problems.length === 0 ? [] : [renderProblems(preview.problems, screen)])
  ].join('\n\n')

const fileOf = ({ bytesTotal = 0, reading, unchangedSince }: Preview): Cell => {
  const size = counted(bytesTotal, 'byte')
  const { errorCode, errorMessage = '' } = reading
  if (unchangedSince !== undefined) {
    return `${size}, the same as run ${unchangedSince} read: the run would end at once`
  }
  if (errorCode === undefined) return `${size}, whole`
  return toned(`${size}, ${reading.snapshot}: ${errorMessage.replace(/\.$/, '')} (${errorCode})`, 'warn')
}

const recordsOf = ({ figures }: Preview): string =>
  [
    `${formatCount(figures.recordsSeen)} seen`,
    `${formatCount(figures.published)} to send`,
    `${formatCount(figures.skipped)} skipped (unchanged)`,
    ...(figures.malformed > 0 ? [`${formatCount(figures.malformed)} unreadable`] : []),
    ...(figures.duplicates > 0 ? [`${formatCount(figures.duplicates)} twice`] : [])
  ].join(', ')

const vanishedOf = ({ figures: { vanished }, removals, held, reading, unchangedSince }: Preview): Cell => {
  const going = vanished > 0 ? `${counted(vanished, 'offer')} would be withdrawn` : undefined
  if (held !== undefined) {
    const rest = going === undefined ? '' : `; ${going}, as somebody has released`
    return toned(`would be held: ${held.message.replace(/\.$/, '')} (${held.code})${rest}`, 'warn')
  }
  if (removals === undefined) {
    if (going !== undefined) return going
    if (unchangedSince !== undefined) return 'none'
    const why = reading.snapshot === 'partial' ? 'was not read whole' : 'is no list of all offers'
    return `nothing would be withdrawn: the file ${why}`
  }
  const { state, known, gone } = removals
  if (gone === 0) return 'none'
  const of = `${formatCount(gone)} of ${formatCount(known)}`
  return state === 'none' ? `${of} missing, ${WHEN_FOUND_AGAIN}` : `${of} would be withdrawn`
}

const idsOf = ({ gone, figures, removals }: Preview): string =>
  gone.join(', ') + (gone.length < Math.max(figures.vanished, removals?.gone ?? 0) ? `, ${ELLIPSIS}` : '')

const renderChanges = ({ changes, changed }: Preview, screen: Screen): string =>
  [
    `Changes (${firstOf(changes.length, changed)}):`,
    ...changes.map(({ externalId, kind, units }) => {
      const { text, tone } = toKindCell(kind)
      const turns = Object.entries(units).toSorted(([a], [b]) => (a < b ? -1 : 1))
      return `${clean(externalId)} ${paint(text, tone, screen)}\n${renderTurns(turns, screen)}`
    })
  ].join('\n')

const renderRejections = ({ rejections, outcomes }: Preview, screen: Screen): string =>
  renderProblems(
    rejections.map((rejection) => ({ ...rejection, message: whatOf(rejection) })),
    screen,
    `Rejected (${firstOf(rejections.length, outcomes.rejected + outcomes.retried)})`
  )

/** The message, with the place in the record where it does not name it itself. */
const whatOf = ({ path, message }: PreviewRejection): string =>
  path === undefined || message.includes(path) ? message : `${path}: ${message}`

const firstOf = (shown: number, all: number): string =>
  shown >= all ? formatCount(all) : `the first ${formatCount(shown)} of ${formatCount(all)}`
