import { isDeepStrictEqual } from 'node:util'
import { EXPIRED, VANISHED, type Change, type Outcome } from './change.ts'
import {
  familyOf,
  isTextUnit,
  REQUIRED_UNITS,
  UNIT_FAMILIES,
  type OfferContent,
  type UnitFamily,
  type UnitName
} from './offer.ts'
import { GONE, isNewer, LISTED, NEVER, newest, OVERRULED, type Stamp } from './stamp.ts'

/**
 * The heart of the house: any order, any duplication and any interleaving of the same facts ends in the same offer,
 * because every unit is decided by the newest stamp alone. Pure; values must be JSON values.
 */

/** A change, or that a feed lists the offer no more; when it was true, and who said so. */
export interface Fact {
  change: Change | { kind: 'vanish' }
  stamp: Stamp
  /** Of an upsert from a file that is newer than what its record says of itself: when it was listed there. */
  listedStamp?: Stamp
  /** Of an upsert: the time until which it was to hold was over when it came. */
  isOver?: boolean
  /** Slug of the source. */
  source: string
  /** Families an upsert of this source's format decides as a whole. */
  covers: readonly UnitFamily[]
}

/**
 * What the merge reads and writes of an offer. `unitStamps` are the exceptions to `baseStamp`, by family or text
 * unit; the stamp of family `text` is a floor under every language, known or not. `LISTED` or `GONE` among them is what
 * a feed's list said last of the offer, kept as long as nothing newer was said of its presence.
 */
export interface OfferState {
  state: 'incomplete' | 'active' | 'withdrawn'
  content: OfferContent
  baseStamp: Stamp
  unitStamps: Record<string, Stamp>
  /** Source slug → newest stamp with which it changed the content; `OVERRULED` → newest that overruled a late upsert. */
  sourceStamps: Record<string, Stamp>
  /** Counts the changes a reader could have seen: 0 while incomplete. */
  revision: number
}

interface OfferDiff {
  kind: 'created' | 'updated' | 'withdrawn'
  units: Record<string, { old?: unknown; new?: unknown }>
}

export interface Merged {
  outcome: Extract<Outcome, 'created' | 'updated' | 'unchanged' | 'stale' | 'withdrawn' | 'incomplete'>
  /** The offer to write; `undefined` when no stamp moved and there is nothing to write. */
  next?: OfferState
  /** What readers of the offer must be told; absent when they would see no difference. */
  change?: OfferDiff
}

/** Applies one fact to an offer, or to none. */
export const merge = (current: OfferState | undefined, fact: Fact): Merged => {
  const draft = draftOf(current)
  const settled = applyFact(draft, fact)
  if (settled.moved === 0) return { outcome: settled.repeated > 0 ? 'unchanged' : 'stale' }

  const before = current?.content ?? {}
  if (isGone(draft) && draft.content.presence?.state !== 'withdrawn')
    draft.content.presence = { state: 'withdrawn', reason: VANISHED }
  const diff = diffOf(before, draft.content)
  const isChanged = Object.keys(diff).length > 0
  const state = stateOf(draft.content)
  const wasVisible = current !== undefined && current.state !== 'incomplete'
  const isVisible = state !== 'incomplete'
  const outcome = outcomeOf(current?.state, state, isChanged)
  const isNews = isVisible && (isChanged || !wasVisible)
  const isWhole = wasVisible || current === undefined // the diff is all that readers do not know

  return {
    outcome,
    next: {
      state,
      content: draft.content,
      ...compact(draft),
      sourceStamps: sourceStampsOf(current?.sourceStamps ?? {}, {
        ...(isChanged ? { [fact.source]: fact.stamp } : {}),
        ...(settled.overruledBy === NEVER ? {} : { [OVERRULED]: settled.overruledBy })
      }),
      revision: (current?.revision ?? 0) + (isNews ? 1 : 0)
    },
    // Readers never saw an incomplete row, so what completes it shows them everything.
    ...(isNews
      ? { change: { kind: kindOf(outcome), units: isWhole ? diff : diffOf({}, draft.content) } }
      : {})
  }
}

/** A working copy: the stamp of every family spelled out, plus the exceptions of single languages. */
interface Draft {
  /** Its presence is what was said of it, whether a feed's list agrees or not. */
  content: OfferContent
  stamps: Map<UnitFamily | UnitName, Stamp>
  listing: { stamp: Stamp; isGone: boolean }
}

const draftOf = (current: OfferState | undefined): Draft => {
  const stamps = new Map<UnitFamily | UnitName, Stamp>()
  for (const family of UNIT_FAMILIES) stamps.set(family, current?.baseStamp ?? NEVER)
  const { [LISTED]: listed, [GONE]: gone, ...unitStamps } = current?.unitStamps ?? {}
  for (const [unit, stamp] of Object.entries(unitStamps)) stamps.set(unit as UnitName, stamp)
  const listing = { stamp: gone ?? listed ?? NEVER, isGone: gone !== undefined }
  const draft = { content: { ...current?.content }, stamps, listing }
  if (isGone(draft) && draft.content.presence?.reason === VANISHED)
    setUnit(draft.content, 'presence', saidOf(stamps))
  return draft
}

/** Whether a feed lists the offer no more, and nothing newer was said: it is withdrawn, if nobody did so before. */
const isGone = ({ stamps, listing }: Draft): boolean =>
  listing.isGone && isNewer(listing.stamp, presenceStampOf(stamps))

const presenceStampOf = (stamps: Draft['stamps']): Stamp => stamps.get('presence') ?? NEVER

/** What was said of the presence of an offer that is gone: nothing, or that it is active. */
const saidOf = (stamps: Draft['stamps']): OfferContent['presence'] =>
  presenceStampOf(stamps) === NEVER ? undefined : { state: 'active' }

/** How many units the fact moved, and how many already carried this very stamp (it was applied before). */
interface Settled {
  moved: number
  repeated: number
  /** Newest stamp because of which the offer is not what the upsert says, or `NEVER`. */
  overruledBy: Stamp
}

const applyFact = (draft: Draft, { change, stamp, listedStamp, isOver = false, covers }: Fact): Settled => {
  const settled: Settled = { moved: 0, repeated: 0, overruledBy: NEVER }
  const decide = (unit: UnitName, value: unknown): void => {
    const known = draft.stamps.get(unit) ?? draft.stamps.get(familyOf(unit)) ?? NEVER
    if (known === stamp) settled.repeated += 1
    if (!isNewer(stamp, known)) {
      if (change.kind === 'upsert') noteOverruled(draft, settled, { unit, value, known, stamp })
      return
    }
    settled.moved += 1
    draft.stamps.set(unit, stamp)
    setUnit(draft.content, unit, value)
  }

  if (change.kind === 'vanish') {
    decideListing(draft, { stamp, isGone: true }, settled)
    return settled
  }
  if (change.kind === 'withdraw') {
    decide('presence', {
      state: 'withdrawn',
      ...(change.reason === undefined ? {} : { reason: change.reason })
    })
    return settled
  }
  if (change.kind === 'patch') {
    for (const unit of change.clear) decide(unit, undefined)
    for (const [unit, value] of Object.entries(change.units)) decide(unit as UnitName, value)
    return settled
  }
  decide('presence', isOver ? { state: 'withdrawn', reason: EXPIRED } : { state: 'active' })
  if (listedStamp !== undefined) decideListing(draft, { stamp: listedStamp, isGone: false }, settled)
  const units: OfferContent = change.units
  for (const family of covers) {
    if (family === 'text') decideTexts(draft, units, stamp, settled)
    else if (family !== 'presence') decide(family, units[family])
  }
  return settled
}

/**
 * A file says two things: what its records are, since when each of them says so itself, and which offers there are, when
 * the file was made. So an offer that returns with the record it always had is there again, while a list, however new,
 * does not bring back what somebody has withdrawn.
 */
const decideListing = (draft: Draft, listing: Draft['listing'], settled: Settled): void => {
  const { stamp } = listing
  if (stamp === draft.listing.stamp) settled.repeated += 1
  if (!isNewer(stamp, newest(draft.listing.stamp, presenceStampOf(draft.stamps)))) return
  settled.moved += 1
  draft.listing = listing
}

/**
 * What a feed says may be spared next time only while the offer is what it says. A newer fact that got here first left
 * no trace if it changed nothing then; it leaves one when an upsert comes late and loses to it.
 */
const noteOverruled = (
  { content }: Draft,
  settled: Settled,
  { unit, value, known, stamp }: { unit: UnitName; value: unknown; known: Stamp; stamp: Stamp }
): void => {
  if (isNewer(known, stamp) && !isDeepStrictEqual(content[unit], value))
    settled.overruledBy = newest(settled.overruledBy, known)
}

/** An upsert decides every language at once, also those it does not mention: it lifts the floor under them. */
const decideTexts = (draft: Draft, units: OfferContent, stamp: Stamp, settled: Settled): void => {
  const floor = draft.stamps.get('text') ?? NEVER
  if (floor === stamp) settled.repeated += 1
  const languages = new Set([...Object.keys(draft.content), ...Object.keys(units)].filter(isTextUnit))
  for (const unit of languages) {
    const known = draft.stamps.get(unit) ?? floor
    if (isNewer(stamp, known)) setUnit(draft.content, unit, units[unit])
    else noteOverruled(draft, settled, { unit, value: units[unit], known, stamp })
  }
  if (!isNewer(stamp, floor)) return
  settled.moved += 1
  draft.stamps.set('text', stamp)
  for (const [unit, known] of draft.stamps) {
    if (isTextUnit(unit) && !isNewer(known, stamp)) draft.stamps.delete(unit)
  }
}

const setUnit = (content: OfferContent, unit: UnitName, value: unknown): void => {
  const units = content as Record<string, unknown>
  if (value === undefined) delete units[unit]
  else units[unit] = value
}

const stateOf = (content: OfferContent): OfferState['state'] => {
  const isComplete =
    content.presence !== undefined && REQUIRED_UNITS.every((unit) => content[unit] !== undefined)
  if (!isComplete) return 'incomplete'
  return content.presence?.state === 'withdrawn' ? 'withdrawn' : 'active'
}

const outcomeOf = (
  before: OfferState['state'] | undefined,
  after: OfferState['state'],
  isChanged: boolean
): Merged['outcome'] => {
  if (after === 'incomplete') return isChanged ? 'incomplete' : 'unchanged'
  if (after === 'withdrawn' && before !== 'withdrawn') return 'withdrawn'
  if (before === undefined || before === 'incomplete') return 'created'
  return isChanged ? 'updated' : 'unchanged'
}

const kindOf = (outcome: Merged['outcome']): OfferDiff['kind'] =>
  outcome === 'created' || outcome === 'withdrawn' ? outcome : 'updated'

const diffOf = (before: OfferContent, after: OfferContent): OfferDiff['units'] => {
  const units: OfferDiff['units'] = {}
  const [olds, news] = [before as Record<string, unknown>, after as Record<string, unknown>]
  for (const [unit, value] of Object.entries(news)) {
    const old = olds[unit]
    if (value === undefined) continue
    if (old === undefined) units[unit] = { new: value }
    else if (!isDeepStrictEqual(old, value)) units[unit] = { old, new: value }
  }
  for (const [unit, old] of Object.entries(olds)) {
    if (old !== undefined && news[unit] === undefined) units[unit] = { old }
  }
  return units
}

const sourceStampsOf = (
  before: OfferState['sourceStamps'],
  moved: OfferState['sourceStamps']
): OfferState['sourceStamps'] => ({
  ...before,
  ...Object.fromEntries(
    Object.entries(moved).map(([source, stamp]) => [source, newest(before[source] ?? NEVER, stamp)])
  )
})

/** One base for the stamp most families share, and the rest as exceptions; a tie goes to the newest. */
const compact = ({ stamps, listing }: Draft): Pick<OfferState, 'baseStamp' | 'unitStamps'> => {
  const uses = new Map<Stamp, number>()
  for (const family of UNIT_FAMILIES) {
    const stamp = stamps.get(family) ?? NEVER
    uses.set(stamp, (uses.get(stamp) ?? 0) + 1)
  }
  let baseStamp = NEVER
  for (const [stamp, count] of uses) {
    const best = uses.get(baseStamp) ?? 0
    if (count > best || (count === best && isNewer(stamp, baseStamp))) baseStamp = stamp
  }
  const unitStamps: Record<string, Stamp> = {}
  for (const [unit, stamp] of stamps) {
    // A language on the floor was dropped already; what is left of `text.*` is above it and always an exception.
    if (stamp !== baseStamp || isTextUnit(unit)) unitStamps[unit] = stamp
  }
  if (isNewer(listing.stamp, presenceStampOf(stamps)))
    unitStamps[listing.isGone ? GONE : LISTED] = listing.stamp
  return { baseStamp, unitStamps }
}
