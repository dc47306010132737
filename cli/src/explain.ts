import type { OfferChangeRow } from '@sluice/prisma/tables/offer-changes'
import type { OfferRow } from '@sluice/prisma/tables/offers'
import { familyOf, type UnitName } from '@sluice/shared/offer'
import { factAtOf, isNewer, OVERRULED, type Stamp } from '@sluice/shared/stamp'
import { toDate } from '@sluice/shared/time'

/** "Why does my offer look like this?": for every unit, which change of the log set what stands there now. Pure. */

interface UnitOrigin {
  unit: string
  /** What stands there now; absent when the unit was cleared. */
  value?: unknown
  old?: unknown
  /** Absent when a patch from before the offer was complete set it, and its source has sent other things since. */
  source?: string
  revision: number
  /** Absent for what was set before the offer was complete: the log begins when readers first see an offer. */
  messageId?: string
  /** When the fact was true, by the vendor. */
  factAt: Date
  /** When readers could first see it. */
  writtenAt: Date
  /** When the vendor last said so: a fact that repeats what stands there moves this and makes no change. */
  confirmedAt: Date
}

/** One unit of one change, oldest first. */
interface HistoryEntry {
  revision: number
  kind: OfferChangeRow['kind']
  unit: string
  old?: unknown
  new?: unknown
  source: string
  messageId: string
  stamp: Stamp
  factAt: Date
  writtenAt: Date
}

export interface Explanation {
  units: readonly UnitOrigin[]
  history: readonly HistoryEntry[]
  /** Units that stand without a change that set them: the log was read only so far back. */
  unexplained: readonly string[]
}

/** `changes` in any order; `only` narrows to units of that name, or to a family (`text` for every language). */
export const explain = (offer: OfferRow, changes: readonly OfferChangeRow[], only?: string): Explanation => {
  const history = changes
    .toSorted((a, b) => a.revision - b.revision)
    .flatMap((change) =>
      Object.entries(change.units)
        .toSorted(([a], [b]) => (a < b ? -1 : 1))
        .filter(([unit]) => isAsked(unit, only))
        .map(([unit, sides]) => toEntry(change, unit, sides))
    )
  const last = new Map(history.map((entry) => [entry.unit, entry]))
  const units = [...last.values()]
    .map((entry) => toOrigin(offer, entry))
    .toSorted((a, b) => (a.unit < b.unit ? -1 : 1))
  const unexplained = Object.keys(offer.content).filter((unit) => isAsked(unit, only) && !last.has(unit))
  return { units, history, unexplained }
}

const isAsked = (unit: string, only: string | undefined): boolean =>
  only === undefined || unit === only || unit.startsWith(`${only}.`)

const toEntry = (
  change: OfferChangeRow,
  unit: string,
  sides: { old?: unknown; new?: unknown }
): HistoryEntry => ({
  revision: change.revision,
  kind: change.kind,
  unit,
  ...('old' in sides ? { old: sides.old } : {}),
  ...('new' in sides ? { new: sides.new } : {}),
  source: change.source,
  messageId: change.messageId,
  stamp: change.stamp,
  factAt: toDate(factAtOf(change.stamp)),
  writtenAt: change.createdAt
})

const toOrigin = (offer: OfferRow, entry: HistoryEntry): UnitOrigin => {
  const stamp = stampOf(offer, entry.unit)
  return {
    unit: entry.unit,
    ...('new' in entry ? { value: entry.new } : {}),
    ...('old' in entry ? { old: entry.old } : {}),
    ...saidBy(offer, entry, stamp),
    revision: entry.revision,
    writtenAt: entry.writtenAt,
    confirmedAt: toDate(factAtOf(stamp))
  }
}

/** The unit's own stamp, else its family's (the floor under every language), else the offer's. */
const stampOf = ({ unitStamps, baseStamp }: OfferRow, unit: string): Stamp =>
  unitStamps[unit] ?? unitStamps[familyOf(unit as UnitName)] ?? baseStamp

/**
 * The first change of an offer shows everything readers see, also what patches had set before the offer was complete.
 * Such a unit carries another stamp than the change, and an offer keeps the newest stamp of each of its sources.
 */
const saidBy = (
  { sourceStamps }: OfferRow,
  { kind, stamp: changedAt, source, messageId }: HistoryEntry,
  stamp: Stamp
): Pick<UnitOrigin, 'source' | 'messageId' | 'factAt'> => {
  const byTheChange = { source, messageId, factAt: toDate(factAtOf(changedAt)) }
  if (kind !== 'created' || stamp === changedAt) return byTheChange
  const factAt = toDate(factAtOf(stamp))
  const [earlier] =
    Object.entries(sourceStamps).find(([source, newest]) => source !== OVERRULED && newest === stamp) ?? []
  if (earlier !== undefined) return { source: earlier, factAt }
  return isNewer(stamp, changedAt) ? byTheChange : { factAt }
}
