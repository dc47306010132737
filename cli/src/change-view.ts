import type { WholeOfferChange } from '@sluice/shared/offer-change'
import { paint, renderTable, toned, type Screen, type Toned } from './render.ts'
import { clean } from './text.ts'
import { toLocalIso, toTableWhen } from './when.ts'

/** How the stream of changes is shown. Pure. */

export const renderChanges = (changes: readonly WholeOfferChange[], now: Date, screen: Screen): string =>
  renderTable(
    [
      { title: 'SEQ', align: 'right' },
      { title: 'OFFER', shrinkTo: 16 },
      { title: 'KIND' },
      { title: 'REV', align: 'right', drop: 3 },
      { title: 'UNITS', shrinkTo: 12, drop: 4 },
      { title: 'BY', shrinkTo: 8, drop: 2 },
      { title: 'WRITTEN', drop: 1 }
    ],
    changes.map((change) => [
      String(change.seq),
      offerOf(change),
      toKindCell(change.kind),
      String(change.revision),
      unitsOf(change),
      change.source,
      toTableWhen(new Date(change.changedAt), now)
    ]),
    screen
  )

/** One change on a line of its own, for a stream that has no end to measure columns by. */
export const renderChangeLine = (change: WholeOfferChange, screen: Screen): string => {
  const { text, tone } = toKindCell(change.kind)
  return [
    String(change.seq).padStart(8),
    toLocalIso(new Date(change.changedAt)),
    paint(text.padEnd(9), tone, screen),
    clean(`${offerOf(change)} r${change.revision}: ${unitsOf(change)} (${change.source})`)
  ].join('  ')
}

const offerOf = ({ vendor, externalId }: WholeOfferChange): string => `${vendor} ${externalId}`
const unitsOf = ({ units }: WholeOfferChange): string => Object.keys(units).toSorted().join(', ')

const TONES = { created: 'good', updated: 'strong', withdrawn: 'dim' } as const
export const toKindCell = (kind: WholeOfferChange['kind']): Toned => toned(kind, TONES[kind])
