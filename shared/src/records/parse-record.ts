import { recordHash } from '../envelope.ts'
import type { RecordError } from '../errors.ts'
import type { RecordLayout } from './layout.ts'
import { parseXmlHead, parseXmlRecord } from './parse-xml-record.ts'
import type { RawRecord } from './record-events.ts'

/** What of a record its JSON is made of. */
type CutRecord = Pick<RawRecord, 'bytes' | 'element' | 'context'>

/** A record that has been parsed. */
export interface ParsedRecord {
  /** Its JSON, with `#element` and `#context` where the layout gives them: what `id` and `factAt` are read from. */
  value: unknown
  /** The same as it travels: UTF-8 JSON that keeps every digit. */
  body: Buffer
  /** It was not sound, and could be read all the same. */
  warning?: RecordError
}

/** Hex sha256 of a record and of what was captured around it: equal hashes mean equal JSON, whatever the file's charset. */
export const hashOf = ({ bytes, context }: Pick<RawRecord, 'bytes' | 'context'>): string =>
  context === undefined ? recordHash(bytes) : recordHash(bytes, '\n', context.json)

/** @throws RecordError saying what is wrong with it, and where. */
export const parseRecord = (raw: CutRecord, layout: RecordLayout): ParsedRecord => {
  const value = within(raw, parseXmlRecord(raw.bytes, layout))
  return { value, body: Buffer.from(JSON.stringify(value)) }
}

/**
 * What can be said for sure of a record that `parseRecord` refuses, or of the `head` of a malformed one: the fields that
 * were complete before the damage. `undefined`: nothing.
 */
export const readHead = (bytes: Buffer, layout: RecordLayout): unknown => parseXmlHead(bytes, layout)

const within = ({ element, context }: CutRecord, value: object): object => {
  if (element === undefined && context?.values === undefined) return value
  return {
    ...(element === undefined ? {} : { '#element': element }),
    ...(context?.values === undefined ? {} : { '#context': context.values }),
    ...value
  }
}
