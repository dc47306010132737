import { MAX_RECORD_DEPTH } from '@sluice/shared/envelope'
import { Refusal } from '../errors.ts'
import { MAX_BODY_DEPTH, MAX_MEMBERS, MAX_RECORDS, MAX_VALUES } from '../limits.ts'
import { findJsonFault, placeOf, type JsonFault } from './json-fault.ts'
import { measureJson, skipSpace, sliceJson } from './json-slices.ts'
import type { FoundRecord } from './record.ts'
import { valuesAt } from './wrapper.ts'

/**
 * The records of a JSON text: the items of an array, or the one value; with `path`, of what stands there. Each keeps
 * the bytes it was sent with.
 * @throws Refusal BODY_MALFORMED naming the place, RECORDS_MISSING, RECORD_TOO_DEEP or VALUES_TOO_MANY.
 */
export const readJson = (bytes: Buffer, path: readonly string[]): FoundRecord[] => {
  const depth = boundedDepth(bytes)
  return recordsIn(bytes, path, depth, (fault) => fault)
}

/**
 * The records of a text of many JSON values, one a line (NDJSON, JSON lines). Blank lines mean nothing. Reading stops
 * behind the record that is one too many.
 * @throws Refusal as `readJson`
 */
export const readJsonLines = (bytes: Buffer, path: readonly string[]): FoundRecord[] => {
  const depth = boundedDepth(bytes)
  const records: FoundRecord[] = []
  let at = skipSpace(bytes, 0)
  while (at < bytes.length && records.length <= MAX_RECORDS) {
    const newline = bytes.indexOf(0x0a, at)
    const end = newline === -1 ? bytes.length : newline
    const begin = at
    const line = bytes.subarray(begin, end)
    records.push(...recordsIn(line, path, depth, (fault) => behind(bytes, begin, fault)))
    at = skipSpace(bytes, end)
  }
  return records
}

const LIMITS = { values: MAX_VALUES, members: MAX_MEMBERS, depth: MAX_BODY_DEPTH }

/** How deep the whole body goes, once it is known to pass no limit. */
const boundedDepth = (bytes: Buffer): number => {
  const { passed, depth } = measureJson(bytes, LIMITS)
  if (passed === undefined) return depth
  switch (passed) {
    case 'depth':
      throw new Refusal('RECORD_TOO_DEEP', `The body is nested much deeper than ${MAX_RECORD_DEPTH} levels.`)
    case 'members':
      throw tooManyValues(`An object or list in the body holds more than ${MAX_MEMBERS} values`)
    case 'values':
      throw tooManyValues(`The body holds more than ${MAX_VALUES} values`)
  }
}

const tooManyValues = (what: string): Refusal =>
  new Refusal('VALUES_TOO_MANY', `${what}; send fewer in one request.`)

const recordsIn = (
  bytes: Buffer,
  path: readonly string[],
  bodyDepth: number,
  inBody: (fault: JsonFault) => JsonFault
): FoundRecord[] => {
  const values = valuesAt(parse(bytes.toString('utf8'), inBody), path)
  const slices = sliceJson(bytes, path)
  if (slices.length !== values.length) {
    throw new Error('the body was cut into another number of records than it has')
  }
  return slices.map((record, index) => ({
    value: values[index],
    bytes: record,
    depth: depthOf(record, bodyDepth)
  }))
}

/** No record is deeper than the body around it: it is measured itself only where that may be too deep. */
const depthOf = (record: Buffer, bodyDepth: number): number =>
  bodyDepth <= MAX_RECORD_DEPTH ? bodyDepth : measureJson(record, LIMITS).depth

/** Names that could reach a prototype are names like any other: only own properties are ever looked at. */
const parse = (text: string, inBody: (fault: JsonFault) => JsonFault): unknown => {
  try {
    return JSON.parse(text)
  } catch (cause) {
    const fault = findJsonFault(text)
    if (fault === undefined) throw cause
    const { what, ...position } = inBody(fault)
    throw new Refusal(
      'BODY_MALFORMED',
      `The body is not JSON: ${what} at line ${position.line}, column ${position.column}.`,
      { position, cause }
    )
  }
}

/** A fault of one line as a place in the whole body. */
const behind = (body: Buffer, begin: number, { offset, what }: JsonFault): JsonFault =>
  placeOf(body.toString('utf8'), body.toString('utf8', 0, begin).length + offset, what)
