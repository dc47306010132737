/** Bytes → records: streams, constant memory. */
export {
  parseXmlDocument,
  parseXmlRecord,
  type XmlDocument,
  type XmlObject,
  type XmlValue
} from './parse-xml-record.ts'
export { readXmlRecords } from './read-xml-records.ts'
export type {
  DocumentEnd,
  DocumentFault,
  DocumentFaultCode,
  Malformed,
  RawRecord,
  XmlEvent
} from './xml-events.ts'
export { MAX_RECORD_BYTES, type ScannerOptions } from './xml-scanner.ts'
export { declaredCharset } from './xml-charset.ts'
