/** Bytes → records: streams, constant memory. */
export { readRecords, type ReadOptions } from './read-records.ts'
export { hashOf, parseRecord, readHead, type ParsedRecord } from './parse-record.ts'
export type { Path, RecordLayout, XmlLayout } from './layout.ts'
export { FileDamage } from './file-damage.ts'
export {
  MAX_RECORD_BYTES,
  type DocumentEnd,
  type DocumentFault,
  type DocumentFaultCode,
  type Malformed,
  type RawRecord,
  type ReadWarning,
  type RecordContext,
  type RecordEvent
} from './record-events.ts'
export { parseXmlDocument, type XmlDocument } from './parse-xml-record.ts'
export type { XmlObject, XmlValue } from './xml-object.ts'
export { charsetNamed, declaredCharset } from './charset-names.ts'
