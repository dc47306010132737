/** What reading an XML file yields, in file order; the last event is always one `end`. */
export type XmlEvent = RawRecord | Malformed | GeneratedAt | DocumentEnd

/** The bytes of one record, from `<` of its start tag to `>` of its end tag, untouched and not yet parsed. */
export interface RawRecord {
  kind: 'record'
  /** Place among the records of the file, malformed ones included, from 0. */
  ordinal: number
  /** Byte offset of the record in the file. */
  offset: number
  bytes: Buffer
}

/** A record that has no bytes to parse: it never ends, never begins, or is larger than allowed. Costs only itself. */
export interface Malformed {
  kind: 'malformed'
  ordinal: number
  offset: number
  code: MalformedCode
  message: string
}

export type MalformedCode = 'RECORD_NOT_CLOSED' | 'RECORD_NOT_OPENED' | 'RECORD_TOO_LARGE'

/** The file's own generation time, as written, at the place where the format says it stands. */
interface GeneratedAt {
  kind: 'generatedAt'
  value: string
}

/** How the file ended. `complete` only when its root element was seen to close and nothing around the records is damaged. */
export interface DocumentEnd {
  kind: 'end'
  complete: boolean
  /** Why it is not complete. */
  fault?: DocumentFault
  /** Records yielded; malformed ones are not among them. */
  records: number
  malformed: number
}

export interface DocumentFault {
  code: DocumentFaultCode
  message: string
  /** Byte offset of what is wrong. */
  offset: number
}

export type DocumentFaultCode =
  | 'FEED_EMPTY'
  | 'FEED_HTML'
  | 'FEED_NOT_XML'
  | 'FEED_ROOT'
  | 'FEED_CHARSET'
  | 'FEED_CUT_SHORT'
  | 'FEED_STRUCTURE'
  | 'FEED_TRAILING'
