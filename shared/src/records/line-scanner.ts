import { htmlFault, trimmed } from './beginning.ts'
import type { FileDamage } from './file-damage.ts'
import { Findings } from './findings.ts'
import {
  MAX_RECORD_BYTES,
  type DocumentFaultCode,
  type ScannedEvent,
  type Scanner,
  type ScannerOptions
} from './record-events.ts'
import { Window } from './window.ts'

const NEWLINE = 0x0a
const OPEN_BRACE = 0x7b

/** NDJSON: a line is a record, so that what is wrong with one costs no other. Blank lines mean nothing. */
export class LineScanner implements Scanner {
  readonly #findings = new Findings()
  readonly #window = new Window()
  readonly #maxRecordBytes: number
  /** Up to here there is no end of a line. */
  #at = 0
  #isBegun = false
  /** The line that is too large, and skipped. */
  #skipped: number | undefined

  constructor({ maxRecordBytes = MAX_RECORD_BYTES }: ScannerOptions = {}) {
    this.#maxRecordBytes = maxRecordBytes
  }

  push(chunk: Buffer): ScannedEvent[] {
    this.#window.append(chunk)
    while (!this.isFinished) {
      const { bytes, base } = this.#window
      const found = bytes.indexOf(NEWLINE, this.#at - base)
      if (found === -1) break
      this.#endLine(base + found)
      this.#at = base + found + 1
      this.#window.letGo(this.#at)
    }
    this.#at = this.#window.end
    if (this.#at - this.#window.base > this.#maxRecordBytes) this.#skip()
    return this.#findings.take()
  }

  finish(): ScannedEvent[] {
    if (!this.isFinished) this.#endLine(this.#window.end)
    if (!this.#isBegun) this.fail('FEED_EMPTY', 0, 'the file is empty')
    return [...this.#findings.take(), this.#findings.end(this.#window.end)]
  }

  damage(damage: FileDamage): void {
    this.#findings.damage(damage, this.#window.end)
  }

  fail(code: DocumentFaultCode, offset: number, reason: string): void {
    this.#findings.fail(code, offset, reason)
  }

  get isFinished(): boolean {
    return this.#findings.isFatal
  }

  #endLine(end: number): void {
    const { bytes, base } = this.#window
    if (this.#skipped !== undefined) {
      this.#skipped = undefined
      return
    }
    const [from, to] = trimmed(bytes, 0, end - base)
    if (from === to) return
    if (!this.#isBegun && !this.#acceptFirst(bytes.subarray(from, to), base + from)) return
    if (to - from > this.#maxRecordBytes) this.#reportTooLarge(base + from)
    else this.#findings.addRecord(base + from, this.#window.copy(base + from, base + to))
  }

  #acceptFirst(line: Buffer, offset: number): boolean {
    this.#isBegun = true
    const html = htmlFault(line)
    if (html !== undefined) this.fail(html.code, offset, html.reason)
    else if (line[0] !== OPEN_BRACE)
      this.fail('FEED_NOT_JSON', offset, 'the file does not begin with an object')
    return !this.isFinished
  }

  #skip(): void {
    if (this.#skipped === undefined) {
      this.#isBegun = true
      this.#skipped = this.#window.base
      this.#reportTooLarge(this.#window.base)
    }
    this.#window.letGo(this.#window.end)
  }

  #reportTooLarge(offset: number): void {
    const reason = `the record is larger than ${this.#maxRecordBytes} bytes`
    this.#findings.addMalformed('RECORD_TOO_LARGE', offset, reason)
  }
}
