import { BlmScanner } from './blm-scanner.ts'
import { declaredCharset } from './charset-names.ts'
import { CsvScanner } from './csv-scanner.ts'
import { FileDamage } from './file-damage.ts'
import { JsonScanner } from './json-scanner.ts'
import type { RecordLayout, SheetLayout } from './layout.ts'
import { LineScanner } from './line-scanner.ts'
import { readSheet } from './read-sheet.ts'
import {
  MAX_RECORD_BYTES,
  type DocumentEnd,
  type RecordEvent,
  type ScannedEvent,
  type Scanner,
  type ScannerOptions
} from './record-events.ts'
import { Transcoder } from './transcoder.ts'
import { XmlScanner } from './xml-scanner.ts'

export interface ReadOptions extends ScannerOptions {
  /** Who says which charset the file has, beside the file and its format: the server, and whoever set the feed up. */
  charset?: { transport?: string | undefined; expected?: string | undefined }
}

/** How far behind the last byte read a scanner may still name an offset, beside a record. */
const REACH_BYTES = 1024 * 1024

/**
 * The records of a file, in file order and in constant memory: at most one record and one chunk are held. They come as
 * bytes, so that they can be hashed and skipped without being parsed; `parseRecord` gives their JSON. Nothing in the
 * file makes it throw: damage is reported as an event and the last event says how the file ended. A stream that throws
 * `FileDamage` ends the file there; what else it throws is thrown.
 */
export async function* readRecords(
  stream: AsyncIterable<Uint8Array>,
  layout: RecordLayout,
  options: ReadOptions = {}
): AsyncGenerator<RecordEvent, void, undefined> {
  const { maxRecordBytes = MAX_RECORD_BYTES, charset = {} } = options
  if (layout.kind === 'sheet') {
    yield* readSheet(stream, layout)
    return
  }
  const scanner = scannerFor(layout, { maxRecordBytes })
  const transcoder = new Transcoder(
    {
      transport: charset.transport,
      declared: (head) =>
        layout.kind === 'xml' ? declaredCharset(head.toString('latin1').trimStart()) : undefined,
      expected: charset.expected ?? layout.charset
    },
    maxRecordBytes + REACH_BYTES
  )
  const report = new Report(transcoder)
  try {
    for await (const chunk of stream) {
      report.bytes += chunk.length
      for (const piece of transcoder.push(asBuffer(chunk))) yield* report.of(scanner.push(piece))
      if (transcoder.fault !== undefined) break
      if (scanner.isFinished) break
    }
  } catch (thrown) {
    if (!(thrown instanceof FileDamage)) throw thrown
    scanner.damage(thrown)
  }
  for (const piece of transcoder.finish()) yield* report.of(scanner.push(piece))
  if (transcoder.fault !== undefined) scanner.fail('FEED_CHARSET', 0, transcoder.fault)
  yield* report.of(scanner.finish())
}

const scannerFor = (layout: Exclude<RecordLayout, SheetLayout>, options: ScannerOptions): Scanner => {
  switch (layout.kind) {
    case 'xml':
      return new XmlScanner(layout, options)
    case 'json':
      return new JsonScanner(layout, options)
    case 'ndjson':
      return new LineScanner(options)
    case 'csv':
      return new CsvScanner(layout, options)
    case 'blm':
      return new BlmScanner(options)
  }
}

const asBuffer = (chunk: Uint8Array): Buffer =>
  Buffer.isBuffer(chunk) ? chunk : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)

/** What a scanner found in UTF-8 → what is said about the file. */
class Report {
  /** Of the file, as far as it was read. */
  bytes = 0
  readonly #transcoder: Transcoder
  #isLieTold = false
  #replaced = 0

  constructor(transcoder: Transcoder) {
    this.#transcoder = transcoder
  }

  *of(events: Iterable<ScannedEvent>): Generator<RecordEvent, void> {
    const { lie } = this.#transcoder
    if (lie !== undefined && !this.#isLieTold) {
      this.#isLieTold = true
      yield { kind: 'warning', code: 'FEED_CHARSET_LIE', message: lie }
    }
    for (const event of events) yield this.#placed(event)
  }

  #placed(event: ScannedEvent): RecordEvent {
    switch (event.kind) {
      case 'record': {
        const offset = this.#transcoder.placeOf(event.offset)
        event.offset = offset
        const charset = this.#transcoder.replaces
        if (charset === undefined || !event.bytes.includes(REPLACEMENT)) return event
        this.#replaced += 1
        const message = `At byte ${offset}, a record begins that holds bytes that are not ${charset}`
        return {
          kind: 'malformed',
          ordinal: event.ordinal,
          offset,
          code: 'RECORD_CHARSET',
          message,
          head: event.bytes
        }
      }
      case 'malformed':
        return this.#located(event)
      case 'end':
        return this.#end(event)
      default:
        return event
    }
  }

  #end({ fault, ...end }: Extract<ScannedEvent, { kind: 'end' }>): DocumentEnd {
    return {
      ...end,
      ...(fault === undefined ? {} : { fault: this.#located(fault) }),
      records: end.records - this.#replaced,
      malformed: end.malformed + this.#replaced,
      bytes: this.bytes
    }
  }

  #located<T extends { offset: number; message: string }>(found: T): T {
    const offset = this.#transcoder.placeOf(found.offset)
    return { ...found, offset, message: `At byte ${offset}, ${printable(found.message)}` }
  }
}

/** A message quotes the file, and no database stores a NUL. */
const printable = (text: string): string => text.replaceAll(/\p{Cc}/gu, ' ')

const REPLACEMENT = Buffer.from('\ufffd')
