import type { NewOfferChange } from '@sluice/prisma/tables/offer-changes'
import type { ToJson } from '../documents.ts'

/** Of all that are committed, no two changes have the same. */
export type ChangeKey = Pick<NewOfferChange, 'vendorId' | 'externalId' | 'revision' | 'stamp'>

/**
 * The units of changes this process has committed itself, as JSON in UTF-8, until they are published: to read a document
 * that was written a moment ago costs Postgres more than to number and to mark it. Whatever is not here is in the table,
 * so anything may be missing at any time.
 */
export interface Recent {
  /** Only what is committed, with all of its units. Without room for more, what came first stays: it goes first. */
  keep: (changes: readonly NewOfferChange[], toJson: ToJson) => void
  find: (key: ChangeKey) => Buffer | undefined
  drop: (keys: readonly ChangeKey[]) => void
  forget: () => void
}

export interface RecentOptions {
  /** Bytes, with all that is kept around the units. */
  maxBytes?: number
  /** What is older goes when something new comes. */
  maxAgeMs?: number
  now?: () => number
}

/** About a second of one worker's changes: a relay that is further behind reads them from the table. */
const MAX_BYTES = 12_000_000
/** What was read from the table before it was kept here is never dropped by who publishes it. */
const MAX_AGE_MS = 10_000
/** Of an entry besides its units: its key, and its place in the map. */
const ENTRY_BYTES = 300

interface Kept {
  units: Buffer
  at: number
}

export const createRecent = ({
  maxBytes = MAX_BYTES,
  maxAgeMs = MAX_AGE_MS,
  now = () => performance.now()
}: RecentOptions = {}): Recent => {
  /** In the order they were committed. */
  const kept = new Map<string, Kept>()
  let bytes = 0

  const drop = (key: string): void => {
    const entry = kept.get(key)
    if (entry === undefined) return
    kept.delete(key)
    bytes -= entry.units.length + ENTRY_BYTES
  }

  const dropOlderThan = (at: number): void => {
    for (const [key, entry] of kept) {
      if (entry.at >= at) return
      drop(key)
    }
  }

  return {
    keep: (changes, toJson) => {
      const at = now()
      dropOlderThan(at - maxAgeMs)
      const entries: (readonly [key: string, units: Buffer])[] = []
      for (const change of changes) {
        if (bytes >= maxBytes) break
        const key = textOf(change)
        const units = toJson(change.units ?? {})
        drop(key)
        entries.push([key, units])
        bytes += units.length + ENTRY_BYTES
      }
      const copies = ownCopies(entries.map(([, units]) => units))
      for (const [place, [key, units]] of entries.entries())
        kept.set(key, { units: copies[place] ?? units, at })
    },
    find: (change) => kept.get(textOf(change))?.units,
    drop: (changes) => {
      for (const change of changes) drop(textOf(change))
    },
    forget: () => {
      kept.clear()
      bytes = 0
    }
  }
}

/** In memory of their own: a piece of what Node shares out keeps all that was shared out with it, 64 KB for 100 bytes. */
const ownCopies = (pieces: readonly Buffer[]): Buffer[] => {
  const all = Buffer.allocUnsafeSlow(pieces.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  return pieces.map((piece) => {
    const copy = all.subarray(at, at + piece.length)
    at += piece.copy(copy)
    return copy
  })
}

const textOf = ({ vendorId, revision, stamp, externalId }: ChangeKey): string =>
  `${vendorId} ${revision} ${stamp} ${externalId}`
