import { encodeUtf8 } from '../encode-utf8.ts'
import { recordHash } from '../envelope.ts'
import { RecordError } from '../errors.ts'
import { parseJson } from '../json.ts'
import { toRow } from './columns.ts'
import { cellsOf } from './csv-row.ts'
import type { RecordLayout, XmlLayout } from './layout.ts'
import { parseXmlHead, parseXmlRecord } from './parse-xml-record.ts'
import type { RawRecord } from './record-events.ts'
import { salvageXml } from './salvage-xml.ts'
import { demandUtf8 } from './utf8.ts'

/** What of a record its JSON is made of. */
type CutRecord = Pick<RawRecord, 'bytes' | 'element' | 'context'>

/** A record that has been parsed. */
export interface ParsedRecord {
  /** Its JSON, with `#element` and `#context` where the layout gives them: what `id` and `factAt` are read from. */
  value: unknown
  /**
   * The same as it travels: UTF-8 JSON that keeps every digit, made when it is asked for. No getter: V8 gives every
   * object literal that has one a hidden class of its own, and that keeps the record alive until all memory is searched.
   */
  toBody: () => Buffer
  /** It was not sound, and could be read all the same: `RECORD_SALVAGED`. */
  warning?: RecordError
}

/** Hex sha256 of a record and of what was captured around it: equal hashes mean equal JSON, whatever the file's charset. */
export const hashOf = ({ bytes, context }: Pick<RawRecord, 'bytes' | 'context'>): string =>
  context === undefined ? recordHash(bytes) : recordHash(bytes, '\n', context.json)

/** @throws RecordError saying what is wrong with it, and where. */
export const parseRecord = (raw: CutRecord, layout: RecordLayout): ParsedRecord => {
  if (layout.kind !== 'xml') demandUtf8(raw.bytes) // of XML its parser does
  switch (layout.kind) {
    case 'xml':
      return parseXml(raw, layout)
    case 'json':
    case 'ndjson':
      return parseObject(raw)
    case 'csv':
      return toParsed(raw, toRow(sameLength(cellsOf(raw.bytes, layout), raw), raw.context?.columns))
    case 'blm':
    case 'sheet':
      return toParsed(raw, toRow(sameLength(JSON.parse(raw.bytes.toString()), raw), raw.context?.columns))
  }
}

/**
 * What can be said for sure of a record that `parseRecord` refuses, or of the `head` of a malformed one: the fields that
 * were complete before the damage. `undefined`: nothing; of a row nobody knows which cell is which.
 */
export const readHead = (bytes: Buffer, layout: RecordLayout): unknown =>
  layout.kind === 'xml' ? parseXmlHead(bytes, layout) : undefined

const parseXml = (raw: CutRecord, layout: XmlLayout): ParsedRecord => {
  try {
    return toParsed(raw, parseXmlRecord(raw.bytes, layout))
  } catch (thrown) {
    if (!(thrown instanceof RecordError) || thrown.code !== 'RECORD_NOT_WELL_FORMED') throw thrown
    const salvaged = salvageXml(raw.bytes, layout)
    if (salvaged === undefined) throw thrown
    const message = `${thrown.message}; its tags match, so it was read all the same`
    return toParsed(raw, salvaged, new RecordError('RECORD_SALVAGED', message, { cause: thrown }))
  }
}

/** A record that is JSON keeps its bytes. */
const parseObject = ({ bytes, context }: CutRecord): ParsedRecord => {
  const value = objectIn(bytes)
  if (context?.values === undefined) return { value, toBody: () => bytes }
  const isEmpty = Object.keys(value).length === 0
  const around = Buffer.from(`{"#context":${context.json}${isEmpty ? '' : ','}`)
  return {
    value: { '#context': context.values, ...value },
    toBody: () => Buffer.concat([around, bytes.subarray(bytes.indexOf('{') + 1)])
  }
}

const objectIn = (bytes: Buffer): object => {
  let value: unknown
  try {
    value = parseJson(bytes.toString('utf8'))
  } catch (cause) {
    const why = cause instanceof Error ? cause.message.replaceAll(/\p{Cc}/gu, ' ').slice(0, 200) : ''
    throw new RecordError('RECORD_NOT_WELL_FORMED', `The record is not JSON: ${why}`, { cause })
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value
  throw new RecordError('RECORD_NOT_WELL_FORMED', 'The record is JSON, but no object')
}

/** Of a row with a cell too few or too many nobody knows which cell is which. */
const sameLength = (cells: unknown[] | undefined, { context }: CutRecord): unknown[] => {
  if (cells === undefined) {
    throw new RecordError(
      'RECORD_NOT_WELL_FORMED',
      'The quotes in the row do not fit: one opens or ends inside a cell'
    )
  }
  const columns = context?.columns?.length ?? cells.length
  if (cells.length === columns) return cells
  throw new RecordError(
    'RECORD_COLUMNS',
    `The row has ${cells.length} cells, and there are ${columns} columns`
  )
}

const toParsed = (raw: CutRecord, fields: object, warning?: RecordError): ParsedRecord => {
  const value = within(raw, fields)
  return {
    value,
    toBody: () => encodeUtf8(JSON.stringify(value)),
    ...(warning === undefined ? {} : { warning })
  }
}

const within = ({ element, context }: CutRecord, value: object): object => {
  if (element === undefined && context?.values === undefined) return value
  return {
    ...(element === undefined ? {} : { '#element': element }),
    ...(context?.values === undefined ? {} : { '#context': context.values }),
    ...value
  }
}
