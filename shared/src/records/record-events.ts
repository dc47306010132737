import type { FileDamage } from './file-damage.ts'

/** What reading a file yields, in file order; the last event is always one `end`. */
export type RecordEvent = RawRecord | Malformed | GeneratedAt | ReadWarning | DocumentEnd

/**
 * One record, cut out and not yet parsed: `hashOf` says whether it is known, `parseRecord` makes its JSON.
 *
 * Offsets count bytes of the file as the vendor wrote it, unpacked, in its own charset; in a file of a charset whose
 * characters have different lengths (Shift_JIS and its like) those of the file in UTF-8. In a sheet they are row numbers.
 */
export interface RawRecord {
  kind: 'record'
  /** Place among the records of the file, malformed ones included, from 0. */
  ordinal: number
  offset: number
  /** UTF-8: an XML element from `<` to `>`, the JSON of the record, or its row. */
  bytes: Buffer
  /** Name of its element, where the layout allows several. */
  element?: string
  /** What was captured around it; shared by all records it holds for. */
  context?: RecordContext
}

/** What the layout captures around records (`context`, and the names of columns), ready for hash and JSON. */
export interface RecordContext {
  /** The `#context` of the record; `undefined` when only columns are known. */
  values: Readonly<Record<string, unknown>> | undefined
  columns: readonly string[] | undefined
  /** All of it as JSON: part of the hash. */
  json: string
}

/** A record that cannot be cut out: it never ends, never begins, or is larger than allowed. Costs only itself. */
export interface Malformed {
  kind: 'malformed'
  ordinal: number
  offset: number
  code: MalformedCode
  message: string
  /**
   * Its first bytes, where it is certain that the damage touched no other record: `readHead` finds an id in them. When
   * they are absent, some offer of the file was not seen.
   */
  head?: Buffer
}

export type MalformedCode =
  | 'RECORD_NOT_CLOSED'
  | 'RECORD_NOT_OPENED'
  | 'RECORD_TOO_LARGE'
  | 'RECORD_CHARSET'
  | 'RECORD_NOT_UTF8'

/** The file's own generation time, as written, at the place where the format says it stands. */
interface GeneratedAt {
  kind: 'generatedAt'
  value: string
}

/** Something about the file that a person should know, and that costs no record. */
export interface ReadWarning {
  kind: 'warning'
  code: 'FEED_CHARSET_LIE' | 'FEED_DECLARATION'
  message: string
}

/**
 * How the file ended. `complete` only when its end was seen, nothing around the records is damaged, and it holds as many
 * records as it says.
 */
export interface DocumentEnd {
  kind: 'end'
  complete: boolean
  /** Why it is not complete. */
  fault?: DocumentFault
  /** Records yielded; malformed ones are not among them. */
  records: number
  malformed: number
  /** Length of the unpacked file, as far as it was read: offsets are below. */
  bytes: number
  /** What the file says of itself (layout `extent`): all offers of the vendor, or some. Absent when it says nothing. */
  extent?: 'full' | 'part'
}

export interface DocumentFault {
  /** Of the reader, or of the container the file came in (`UNPACK_…`). */
  code: string
  message: string
  /** Offset of what is wrong. */
  offset: number
}

/** What the reader itself finds wrong with a file. */
export type DocumentFaultCode =
  | 'FEED_EMPTY'
  | 'FEED_HTML'
  | 'FEED_NOT_XML'
  | 'FEED_NOT_JSON'
  | 'FEED_NOT_BLM'
  | 'FEED_NOT_SHEET'
  | 'FEED_TOO_LARGE'
  | 'FEED_ROOT'
  | 'FEED_COLUMNS'
  | 'FEED_CHARSET'
  | 'FEED_CUT_SHORT'
  | 'FEED_COUNT'
  | 'FEED_STRUCTURE'
  | 'FEED_TRAILING'

/** The same as a scanner says it: offsets are those of the file in UTF-8, and nobody has counted its bytes. */
export type ScannedEvent = RawRecord | Malformed | GeneratedAt | ReadWarning | Omit<DocumentEnd, 'bytes'>

/** UTF-8 as it comes → records. One a file; one layout, one scanner. */
export interface Scanner {
  /** The events of the next bytes; to be taken to the last one before more is pushed. */
  push: (chunk: Buffer) => Iterable<ScannedEvent>
  /** No more bytes come. */
  finish: () => Iterable<ScannedEvent>
  /** The stream broke: what is still to be read ends here. */
  damage: (damage: FileDamage) => void
  fail: (code: DocumentFaultCode, offset: number, reason: string) => void
  /** Whether the rest of the file does not matter any more. */
  readonly isFinished: boolean
}

/** A real offer takes kilobytes. */
export const MAX_RECORD_BYTES = 4 * 1024 * 1024

export interface ScannerOptions {
  /** A record larger than this is reported and skipped. */
  maxRecordBytes?: number
}
