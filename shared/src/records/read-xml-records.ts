import type { XmlRecords } from '../formats/format.ts'
import type { XmlEvent } from './xml-events.ts'
import { XmlScanner, type ScannerOptions } from './xml-scanner.ts'

/**
 * The records of an XML file, in file order and in constant memory: at most one record and one chunk are held. Records
 * come as bytes, so that they can be hashed and skipped without being parsed; `parseXmlRecord` gives their JSON.
 * Nothing in the file makes it throw: damage is reported as an event and the last event says how the file ended.
 */
export async function* readXmlRecords(
  stream: AsyncIterable<Uint8Array>,
  selector: XmlRecords,
  options: ScannerOptions = {}
): AsyncGenerator<XmlEvent, void, undefined> {
  const scanner = new XmlScanner(selector, options)
  for await (const chunk of stream) {
    yield* scanner.push(chunk)
    if (scanner.isFinished) break
  }
  yield* scanner.finish()
}
