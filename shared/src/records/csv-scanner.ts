import { htmlFault, isBlank } from './beginning.ts'
import { cellsOf } from './csv-row.ts'
import type { CsvLayout } from './layout.ts'
import type { RecordContext, ScannerOptions } from './record-events.ts'
import { columnsFault, columnsOf, toColumnContext } from './columns.ts'
import { WindowScanner } from './window-scanner.ts'

const NEWLINE = 0x0a
const RETURN = 0x0d

/** Where in a row the reading is. `afterQuote`: the quote just read closes its cell, or stands for itself. */
type State = 'cellStart' | 'plain' | 'quoted' | 'afterQuote'

/**
 * Rows of a CSV file, cut out and not yet taken apart. A quote that is never closed swallows what follows until another
 * one closes it, or the row grows too large: then the row ends with its first line, and reading goes on behind that.
 */
export class CsvScanner extends WindowScanner {
  readonly #layout: CsvLayout
  readonly #delimiter: number
  readonly #quote: number
  readonly #escape: number
  #context: RecordContext | undefined
  #isBegun = false
  #state: State = 'cellStart'
  #rowStart = 0
  #at = 0
  /** The end of the row's first line, if that is inside quotes. */
  #firstLineEnd: number | undefined
  #isSkipping = false

  constructor(layout: CsvLayout, options: ScannerOptions) {
    super(options)
    const { delimiter = ',', quote = '"', escape = quote } = layout
    this.#layout = layout
    this.#delimiter = delimiter.charCodeAt(0)
    this.#quote = quote === false ? -1 : quote.charCodeAt(0)
    this.#escape = escape === false ? -1 : escape.charCodeAt(0)
    if (Array.isArray(layout.columns)) this.#context = toColumnContext(columnsOf(layout.columns))
  }

  protected override read(): void {
    this.#scan()
    this.window.letGo(this.#rowStart)
  }

  protected override readEnd(): void {
    while (!this.isFinished && this.#state === 'quoted' && this.#firstLineEnd !== undefined) {
      this.#abandonRow(this.#firstLineEnd)
      this.#scan()
    }
    if (!this.isFinished) this.#endLastRow()
    if (!this.#isBegun && !this.isFinished) this.fail('FEED_EMPTY', 0, 'the file is empty')
  }

  /** The row behind the last newline: nobody sees whether its last cell is whole. */
  #endLastRow(): void {
    const { end } = this.window
    if (this.#layout.endsInNewline !== true || this.#isBlankRow(end)) this.#endRow(end)
    else this.fail('FEED_CUT_SHORT', this.#rowStart, 'the last line has no end')
  }

  #scan(): void {
    const { base } = this.window
    while (this.#at < this.window.end && !this.isFinished) {
      const byte = this.window.bytes[this.#at - base] ?? 0
      if (this.#state === 'quoted') {
        this.#readQuoted(byte)
      } else if (this.#state === 'afterQuote') {
        this.#readAfterQuote(byte)
      } else if (byte === NEWLINE || byte === RETURN) {
        this.#endRow(this.#at)
        this.#beginRow(this.#at + 1)
      } else {
        this.#state =
          byte === this.#delimiter
            ? 'cellStart'
            : this.#state === 'cellStart' && byte === this.#quote
              ? 'quoted'
              : 'plain'
        this.#at++
      }
      if (this.#at - this.#rowStart > this.maxRecordBytes) this.#onTooLarge()
    }
  }

  #readQuoted(byte: number): void {
    if (byte === this.#escape && this.#escape !== this.#quote) {
      this.#at += 2 // what is escaped is a character, whatever it is
      return
    }
    if (byte === NEWLINE || byte === RETURN) this.#firstLineEnd ??= this.#at
    if (byte === this.#quote) this.#state = 'afterQuote'
    this.#at++
  }

  #readAfterQuote(byte: number): void {
    if (byte === this.#quote && this.#escape === this.#quote) {
      this.#state = 'quoted'
      this.#at++
    } else if (byte === this.#delimiter || byte === NEWLINE || byte === RETURN) {
      this.#state = 'plain' // read as the end of a cell
    } else if (this.#firstLineEnd === undefined) {
      this.#state = 'plain' // the row says so itself when it is taken apart
      this.#at++
    } else {
      this.#abandonRow(this.#firstLineEnd)
    }
  }

  #beginRow(offset: number): void {
    this.#rowStart = offset
    this.#at = offset
    this.#state = 'cellStart'
    this.#firstLineEnd = undefined
    this.#isSkipping = false
  }

  #endRow(end: number): void {
    if (this.#isSkipping || this.#isBlankRow(end)) return
    const bytes = this.window.copy(this.#rowStart, end)
    if (!this.#isBegun) {
      this.#isBegun = true
      const html = htmlFault(bytes)
      if (html !== undefined) {
        this.fail(html.code, this.#rowStart, html.reason)
        return
      }
      if (this.#layout.columns === 'header') {
        this.#readHeader(bytes)
        return
      }
    }
    this.findings.addRecord(
      this.#rowStart,
      bytes,
      this.#context === undefined ? {} : { context: this.#context }
    )
  }

  #isBlankRow(end: number): boolean {
    const { bytes, base } = this.window
    for (let at = this.#rowStart - base; at < end - base; at++) if (!isBlank(bytes[at])) return false
    return true
  }

  #readHeader(bytes: Buffer): void {
    const names = cellsOf(bytes, this.#layout)
    const columns = names === undefined ? undefined : columnsOf(names)
    const fault = columns === undefined ? 'the first row cannot be read' : columnsFault(columns)
    if (columns === undefined || fault !== undefined) {
      this.fail('FEED_COLUMNS', this.#rowStart, fault ?? '')
    } else {
      this.#context = toColumnContext(columns)
    }
  }

  /** The quote that was opened in the row is not closed: what follows its first line are rows again. */
  #abandonRow(lineEnd: number): void {
    const reason = 'a quote is opened and not closed, or closed in the middle of a cell'
    this.#reportRow('RECORD_NOT_CLOSED', reason)
    this.#beginRow(lineEnd + 1)
  }

  #reportRow(code: 'RECORD_NOT_CLOSED' | 'RECORD_TOO_LARGE', reason: string): void {
    const isHeader = !this.#isBegun && this.#layout.columns === 'header'
    this.#isBegun = true
    if (isHeader) this.fail('FEED_COLUMNS', this.#rowStart, `the first row names no columns: ${reason}`)
    else this.findings.addMalformed(code, this.#rowStart, reason)
  }

  #onTooLarge(): void {
    if (this.#firstLineEnd !== undefined) {
      this.#abandonRow(this.#firstLineEnd)
      return
    }
    if (!this.#isSkipping) {
      this.#reportRow('RECORD_TOO_LARGE', `the row is larger than ${this.maxRecordBytes} bytes`)
    }
    this.#rowStart = this.#at
    this.#isSkipping = true
    this.#state = 'plain'
  }
}
