import type { NewOfferChange } from '@sluice/prisma/tables/offer-changes'

/** What a change is known by: two of one offer and revision that say something else differ in their stamp. */
export type ChangeKey = Pick<NewOfferChange, 'vendorId' | 'externalId' | 'revision' | 'stamp'>

/**
 * The units of changes this process has committed itself, as JSON, until they are published: to read a document that was
 * written a moment ago costs Postgres more than to number and to mark it. Whatever is not here is in the table, so
 * anything may be forgotten at any time.
 */
export interface Recent {
  /** Only what is committed, and with all of its units. */
  keep: (changes: readonly NewOfferChange[]) => void
  /** Once: what was taken and could not be published is read from the table. */
  take: (key: ChangeKey) => string | undefined
  forget: () => void
}

export interface RecentOptions {
  /** Characters, of one or two bytes each. */
  maxLength?: number
  maxAgeMs?: number
}

/** As much as the workers write in some seconds; a broker that is slower for longer is not worth more memory. */
const MAX_LENGTH = 8_000_000
/** Beyond it nobody will ask: it was read from the table, or another relay has published it. */
const MAX_AGE_MS = 10_000

interface Kept {
  units: string
  at: number
}

export const createRecent = ({
  maxLength = MAX_LENGTH,
  maxAgeMs = MAX_AGE_MS
}: RecentOptions = {}): Recent => {
  /** In the order they were committed. */
  const kept = new Map<string, Kept>()
  let length = 0

  const drop = (key: string): string | undefined => {
    const units = kept.get(key)?.units
    kept.delete(key)
    length -= units?.length ?? 0
    return units
  }

  return {
    keep: (changes) => {
      const at = performance.now()
      for (const change of changes) {
        const key = textOf(change)
        const units = JSON.stringify(change.units ?? {})
        drop(key)
        kept.set(key, { units, at })
        length += units.length
      }
      for (const [key, { at: keptAt }] of kept) {
        if (length <= maxLength && at - keptAt <= maxAgeMs) break
        drop(key)
      }
    },
    take: (change) => drop(textOf(change)),
    forget: () => {
      kept.clear()
      length = 0
    }
  }
}

const textOf = ({ vendorId, revision, stamp, externalId }: ChangeKey): string =>
  `${vendorId} ${revision} ${stamp} ${externalId}`
