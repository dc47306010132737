import type { Change } from '../change.ts'
import type { UnitFamily } from '../offer.ts'
import type { Gone } from './gone.ts'
import type { RecordLayout } from '../records/layout.ts'

/** What `toChange` may know besides the record itself. Formats do no I/O. */
export interface MappingContext {
  /** IANA zone of the source, for wall-clock dates inside a record. */
  timeZone: string
}

/**
 * How a vendor's data looks and what it means. One folder a format; `index.ts` lists them.
 * The record's schema generics stay out of this interface on purpose (they cost millions of type instantiations):
 * `toChange` checks the record itself.
 */
export interface Format {
  /** Stable name, the folder's name: `kyero`. */
  name: string
  title: string
  /** Raised whenever the same record begins to mean something else; unchanged records are then sent again. */
  formatVersion: number
  /** Path of the offer's id in the record: `['id']`. */
  id: readonly string[]
  /** Path of the time the record's facts were true, if the format has one. */
  factAt?: readonly string[]
  /** Where records are in a file; absent when the format only arrives by webhook. */
  feed?: {
    records: RecordLayout
    /** How the format says an offer is gone (plan §6). */
    gone: Gone
  }
  /** Whether records of this format may be posted to a webhook. */
  webhook: boolean
  /**
   * Whether one event id of this vendor may stand for several offers, each in a delivery of its own: then only the id
   * together with the offers tells copies apart.
   */
  sharesEventIds?: boolean
  /** Families an upsert decides as a whole: what it does not carry of these is absent. */
  covers: readonly UnitFamily[]
  /** The record as JSON Schema: what the gateway's documentation shows and the contract suite walks. */
  recordSchema: object
  /**
   * Leaves of a record that deliberately mean nothing to us, each with the reason. A path names the steps from the
   * record down; positions in a list are left out and `*` stands for any one name: `images/image/@id`.
   */
  ignored: readonly { path: string; reason: string }[]
  /**
   * The meaning of a record. Pure.
   * @throws RecordError with the JSON pointer of what is missing or wrong.
   */
  toChange: (record: unknown, context: MappingContext) => Change
}

/** A format whose records also come in files. */
export type FeedFormat = Format & { feed: NonNullable<Format['feed']> }

/** The value at a declared path of a record; `undefined` when any step is missing. Only own properties count. */
export const valueAt = (record: unknown, path: readonly string[]): unknown => {
  let value: unknown = record
  for (const step of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, step)) return undefined
    value = (value as Record<string, unknown>)[step]
  }
  return value
}
