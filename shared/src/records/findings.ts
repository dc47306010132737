import type { FileDamage } from './file-damage.ts'
import type {
  DocumentEnd,
  DocumentFault,
  DocumentFaultCode,
  MalformedCode,
  RawRecord,
  ReadWarning,
  ScannedEvent
} from './record-events.ts'

/** With these there is nothing to read at all. */
const FATAL: ReadonlySet<string> = new Set<DocumentFaultCode>([
  'FEED_EMPTY',
  'FEED_HTML',
  'FEED_NOT_XML',
  'FEED_NOT_JSON',
  'FEED_NOT_BLM',
  'FEED_NOT_SHEET',
  'FEED_COLUMNS',
  'FEED_ROOT',
  'FEED_CHARSET'
])

/** What a scan has found and nobody has taken yet, and what it will say at its end. Offsets are those it is given. */
export class Findings {
  #events: ScannedEvent[] = []
  #fault: DocumentFault | undefined
  #records = 0
  #malformed = 0
  #extent: DocumentEnd['extent']
  #count: number | undefined

  addRecord(offset: number, bytes: Buffer, around: Pick<RawRecord, 'element' | 'context'> = {}): void {
    this.#events.push({ kind: 'record', ordinal: this.#ordinal(), offset, bytes, ...around })
    this.#records++
  }

  /** `head`: the record's first bytes, if no other record can have been lost with it. */
  addMalformed(code: MalformedCode, offset: number, reason: string, head?: Buffer): void {
    const event = { kind: 'malformed', ordinal: this.#ordinal(), offset, code, message: reason } as const
    this.#events.push(head === undefined ? event : { ...event, head })
    this.#malformed++
  }

  warn(code: ReadWarning['code'], message: string): void {
    this.#events.push({ kind: 'warning', code, message })
  }

  addGeneratedAt(value: unknown): void {
    if (typeof value === 'string' && value !== '') this.#events.push({ kind: 'generatedAt', value })
  }

  /** How many records the file says that it holds; the first who says it counts. */
  declare({ extent, count }: { extent?: DocumentEnd['extent']; count?: number }): void {
    this.#extent ??= extent
    this.#count ??= count
  }

  /** The first fault is the one that counts: what follows is mostly its consequence. */
  fail(code: DocumentFaultCode, offset: number, reason: string): void {
    this.#fault ??= { code, offset, message: reason }
  }

  /** What broke the stream explains whatever is found wrong behind it. */
  damage({ code, message }: FileDamage, offset: number): void {
    this.#fault ??= { code, offset, message }
  }

  /** Whether the rest of the file does not matter any more. */
  get isFatal(): boolean {
    return this.#fault !== undefined && FATAL.has(this.#fault.code)
  }

  /** How many events nobody has taken yet. */
  get waiting(): number {
    return this.#events.length
  }

  take(): ScannedEvent[] {
    const events = this.#events
    this.#events = []
    return events
  }

  /** @param offset of the end of the file */
  end(offset: number): Extract<ScannedEvent, { kind: 'end' }> {
    const found = this.#ordinal()
    if (this.#count !== undefined && this.#count !== found) {
      this.fail(
        'FEED_COUNT',
        offset,
        `the file says that it holds ${this.#count} records, and holds ${found}`
      )
    }
    return {
      kind: 'end',
      complete: this.#fault === undefined,
      ...(this.#fault === undefined ? {} : { fault: this.#fault }),
      records: this.#records,
      malformed: this.#malformed,
      ...(this.#extent === undefined ? {} : { extent: this.#extent })
    }
  }

  #ordinal(): number {
    return this.#records + this.#malformed
  }
}
