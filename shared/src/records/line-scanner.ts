import { htmlFault, trimmed } from './beginning.ts'
import { WindowScanner } from './window-scanner.ts'

const NEWLINE = 0x0a
const OPEN_BRACE = 0x7b

/** NDJSON: a line is a record, so that what is wrong with one costs no other. Blank lines mean nothing. */
export class LineScanner extends WindowScanner {
  /** Up to here there is no end of a line. */
  #at = 0
  #isBegun = false
  /** The line is too large. */
  #isSkipping = false

  protected override read(): void {
    while (!this.isFinished) {
      const { bytes, base } = this.window
      const found = bytes.indexOf(NEWLINE, this.#at - base)
      if (found === -1) break
      this.#endLine(base + found)
      this.#at = base + found + 1
      this.window.letGo(this.#at)
    }
    this.#at = this.window.end
    if (this.#at - this.window.base > this.maxRecordBytes) this.#skip()
  }

  protected override readEnd(): void {
    if (!this.isFinished) this.#endLine(this.window.end)
    if (!this.#isBegun) this.fail('FEED_EMPTY', 0, 'the file is empty')
  }

  #endLine(end: number): void {
    const { bytes, base } = this.window
    if (this.#isSkipping) {
      this.#isSkipping = false
      return
    }
    const [from, to] = trimmed(bytes, 0, end - base)
    if (from === to) return
    if (!this.#isBegun && !this.#acceptFirst(bytes.subarray(from, to), base + from)) return
    if (to - from > this.maxRecordBytes) this.#reportTooLarge(base + from)
    else this.findings.addRecord(base + from, this.window.copy(base + from, base + to))
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
    if (!this.#isSkipping) {
      this.#isBegun = true
      this.#isSkipping = true
      this.#reportTooLarge(this.window.base)
    }
    this.window.letGo(this.window.end)
  }

  #reportTooLarge(offset: number): void {
    const reason = `the record is larger than ${this.maxRecordBytes} bytes`
    this.findings.addMalformed('RECORD_TOO_LARGE', offset, reason)
  }
}
