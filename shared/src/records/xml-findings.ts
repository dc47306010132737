import type { DocumentEnd, DocumentFault, DocumentFaultCode, MalformedCode, XmlEvent } from './xml-events.ts'

/** With these there is nothing to read at all. */
const FATAL: ReadonlySet<DocumentFaultCode> = new Set([
  'FEED_EMPTY',
  'FEED_HTML',
  'FEED_NOT_XML',
  'FEED_ROOT',
  'FEED_CHARSET'
])

/** What a scan has found and nobody has taken yet, and what it will say at its end. */
export class XmlFindings {
  #events: XmlEvent[] = []
  #fault: DocumentFault | undefined
  #records = 0
  #malformed = 0

  addRecord(offset: number, bytes: Buffer): void {
    this.#events.push({ kind: 'record', ordinal: this.#ordinal(), offset, bytes })
    this.#records++
  }

  addMalformed(code: MalformedCode, offset: number, reason: string): void {
    const message = `At byte ${offset}, ${reason}`
    this.#events.push({ kind: 'malformed', ordinal: this.#ordinal(), offset, code, message })
    this.#malformed++
  }

  addGeneratedAt(value: unknown): void {
    if (typeof value === 'string' && value !== '') this.#events.push({ kind: 'generatedAt', value })
  }

  /** The first fault is the one that counts: what follows is mostly its consequence. */
  fail(code: DocumentFaultCode, offset: number, reason: string): void {
    this.#fault ??= { code, offset, message: `At byte ${offset}, ${reason}` }
  }

  /** Whether the rest of the file does not matter any more. */
  get isFatal(): boolean {
    return this.#fault !== undefined && FATAL.has(this.#fault.code)
  }

  /** How many events nobody has taken yet. */
  get waiting(): number {
    return this.#events.length
  }

  take(): XmlEvent[] {
    const events = this.#events
    this.#events = []
    return events
  }

  end(): DocumentEnd {
    const counts = { records: this.#records, malformed: this.#malformed }
    return this.#fault === undefined
      ? { kind: 'end', complete: true, ...counts }
      : { kind: 'end', complete: false, fault: this.#fault, ...counts }
  }

  #ordinal(): number {
    return this.#records + this.#malformed
  }
}
