import type { OfferContent } from '../offer.ts'
import { setOwn } from '../set-own.ts'

/** Units as a mapping writes them down: parts a vendor did not send are `undefined`. */
type Draft = { [K in keyof OfferContent]?: Loose<OfferContent[K]> | undefined }
type Loose<T> = T extends readonly unknown[] ? T : T extends object ? { [K in keyof T]: T[K] | undefined } : T

/**
 * Drops what says nothing: parts that are `undefined`, then units left without parts, and empty lists. So a mapping
 * names every part it knows, and "the vendor sent nothing" is always an absent unit, never an empty one.
 */
export const definedUnits = (draft: Draft): Omit<OfferContent, 'presence'> =>
  keep(draft, (value) => {
    const unit = isParts(value) ? keep(value, (part) => part) : value
    return isFilled(unit) ? unit : undefined
  }) as Omit<OfferContent, 'presence'> // the same keys, and Draft has typed their values

/** What is left of each value that is not undefined. */
const keep = (values: object, left: (value: unknown) => unknown): object => {
  const kept = {}
  for (const name of Object.keys(values)) {
    const some = left((values as Record<string, unknown>)[name])
    if (some !== undefined) setOwn(kept, name, some)
  }
  return kept
}

const isParts = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const isFilled = (value: unknown): boolean =>
  value !== undefined && (typeof value !== 'object' || value === null || Object.keys(value).length > 0)
