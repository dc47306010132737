import type { OfferContent } from '../offer.ts'

/** Units as a mapping writes them down: parts a vendor did not send are `undefined`. */
type Draft = { [K in keyof OfferContent]?: Loose<OfferContent[K]> | undefined }
type Loose<T> = T extends readonly unknown[] ? T : T extends object ? { [K in keyof T]: T[K] | undefined } : T

/**
 * Drops what says nothing: parts that are `undefined`, then units left without parts, and empty lists. So a mapping
 * names every part it knows, and "the vendor sent nothing" is always an absent unit, never an empty one.
 */
export const definedUnits = (draft: Draft): Omit<OfferContent, 'presence'> =>
  Object.fromEntries(
    Object.entries(draft)
      .map(([name, value]) => [name, withoutUndefined(value)] as const)
      .filter(([, value]) => isFilled(value))
  ) as Omit<OfferContent, 'presence'> // the same keys, and Draft has typed their values

const withoutUndefined = (value: unknown): unknown =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
    ? Object.fromEntries(Object.entries(value).filter(([, part]) => part !== undefined))
    : value

const isFilled = (value: unknown): boolean =>
  value !== undefined && (typeof value !== 'object' || value === null || Object.keys(value).length > 0)
