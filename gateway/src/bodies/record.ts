import { isExternalId, MAX_ID_LENGTH, MAX_RECORD_DEPTH } from '@sluice/shared/envelope'
import { RecordError } from '@sluice/shared/errors'
import { valueAt, type Format } from '@sluice/shared/formats'
import { toMicros, type Micros } from '@sluice/shared/time'
import { Refusal } from '../errors.ts'
import { sliceAt } from './json-slices.ts'

/** One record of a body as JSON, however the body was written. */
export interface FoundRecord {
  value: unknown
  /** The same in UTF-8: as the sender wrote it where he wrote JSON. */
  bytes: Buffer
  /** How many objects and arrays enclose its innermost value, itself included; more, where the limit is not in reach. */
  depth: number
}

/** One record of a body: its own bytes, and the two things we read in it. */
export interface SplitRecord {
  index: number
  /** The record as the JSON it travels as; where the sender wrote JSON in UTF-8, byte for byte. */
  body: Buffer
  externalId: string
  /** When the vendor says its facts were true; absent when the record does not say. */
  factAt?: Micros
}

/** What of a format the gateway uses to read a record. */
export type RecordPaths = Pick<Format, 'id' | 'factAt'>

/** @throws Refusal RECORD_* or FACT_AT_INVALID, naming the index and the place. */
export const toRecord = (
  { value: record, bytes, depth }: FoundRecord,
  index: number,
  paths: RecordPaths,
  timeZone: string
): SplitRecord => {
  if (typeof record !== 'object' || record === null || Array.isArray(record)) {
    throw new Refusal('RECORD_NOT_OBJECT', `Record ${index} is not an object.`, { index })
  }
  if (depth > MAX_RECORD_DEPTH) {
    throw new Refusal(
      'RECORD_TOO_DEEP',
      `Record ${index} is nested deeper than ${MAX_RECORD_DEPTH} levels.`,
      {
        index
      }
    )
  }
  const externalId = idOf(record, bytes, index, paths.id)
  const factAt = factAtOf(record, index, paths, timeZone)
  return { index, body: bytes, externalId, ...(factAt === undefined ? {} : { factAt }) }
}

const idOf = (record: object, bytes: Buffer, index: number, idPath: readonly string[]): string => {
  const value = valueAt(record, idPath)
  const id = typeof value === 'number' ? digitsAt(bytes, idPath) : value
  if (typeof id === 'string' && isExternalId(id)) return id
  const path = pointer(idPath)
  if (value === undefined || value === null || value === '') {
    throw new Refusal('RECORD_ID_MISSING', `Record ${index} has no id at ${path}.`, { index, path })
  }
  throw new Refusal(
    'RECORD_ID_INVALID',
    `Record ${index} has an id at ${path} that is not text of 1 to ${MAX_ID_LENGTH} characters, or a whole number.`,
    { index, path }
  )
}

/** A numeric id with the digits that were sent: as a double, ids beyond 2^53 would fall together. */
const digitsAt = (bytes: Buffer, path: readonly string[]): string | undefined => {
  const digits = sliceAt(bytes, path)?.toString('latin1')
  return digits !== undefined && /^(0|[1-9]\d*)$/.test(digits) ? digits : undefined
}

const factAtOf = (
  record: object,
  index: number,
  { factAt: factAtPath }: RecordPaths,
  timeZone: string
): Micros | undefined => {
  const value = factAtPath === undefined ? undefined : valueAt(record, factAtPath)
  if (factAtPath === undefined || value === undefined || value === null) return undefined
  const path = pointer(factAtPath)
  try {
    if (typeof value === 'string' || typeof value === 'number') return toMicros(value, timeZone, path)
  } catch (cause) {
    if (!(cause instanceof RecordError)) throw cause
  }
  throw new Refusal(
    'FACT_AT_INVALID',
    `Record ${index} has a date at ${path} that cannot be read; send ISO 8601, like 2026-11-23T10:15:00Z.`,
    { index, path }
  )
}

/** A path as a JSON pointer (RFC 6901). */
export const pointer = (path: readonly string[]): string =>
  path.map((step) => `/${step.replaceAll('~', '~0').replaceAll('/', '~1')}`).join('')
