import { isUtf8 } from 'node:buffer'
import { encodeUtf8 } from '../encode-utf8.ts'
import { htmlFault, trimmed } from './beginning.ts'
import type { RecordContext } from './record-events.ts'
import { WindowScanner } from './window-scanner.ts'

const DATA = Buffer.from('#DATA#')
const END = '#END#'
const MAX_HEADER_BYTES = 256 * 1024

interface Header {
  fieldEnd: string
  rowEnd: Buffer
  context: RecordContext
}

/**
 * Rightmove's BLM, version 3: `#HEADER#` names the characters that end fields and rows, `#DEFINITION#` the columns, rows
 * stand between `#DATA#` and `#END#`. A row is given as the JSON of its fields.
 * https://www.rightmove.co.uk/ps/pdf/guides/RightmoveDatafeedFormatV3iOVS_1.6.pdf
 */
export class BlmScanner extends WindowScanner {
  #header: Header | undefined
  #isEnded = false
  #isSkipping = false
  #at = 0

  protected override read(): void {
    if (this.#header === undefined) this.#readHeader(false)
    if (this.#header !== undefined) this.#readRows(this.#header)
  }

  protected override readEnd(): void {
    if (this.#header === undefined && !this.isFinished) this.#readHeader(true)
    if (this.#header !== undefined && !this.#isEnded) {
      this.#isEnded = this.#rest().startsWith(END)
      if (!this.#isEnded) this.fail('FEED_CUT_SHORT', this.window.end, `the file ends before ${END}`)
    }
  }

  override get isFinished(): boolean {
    return super.isFinished || this.#isEnded
  }

  #rest(): string {
    return this.window.bytes.toString('latin1', 0, 4 * END.length).trimStart()
  }

  #readHeader(isEnd: boolean): void {
    const { bytes } = this.window
    const data = bytes.indexOf(DATA)
    if (data === -1) {
      if (!isEnd && bytes.length < MAX_HEADER_BYTES) return
      const html = htmlFault(bytes)
      if (html !== undefined) this.fail(html.code, 0, html.reason)
      else if (bytes.toString('latin1', 0, 64).trim() === '') this.fail('FEED_EMPTY', 0, 'the file is empty')
      else this.fail('FEED_NOT_BLM', 0, 'the file has no #DATA#, it is no BLM')
      return
    }
    const header = headerOf(bytes.toString('utf8', 0, data))
    if (typeof header === 'string') {
      this.fail('FEED_NOT_BLM', 0, header)
      return
    }
    this.#header = header
    if (header.count !== undefined) this.findings.declare({ count: header.count })
    this.window.letGo(data + DATA.length)
    this.#at = data + DATA.length
  }

  #readRows({ fieldEnd, rowEnd, context }: Header): void {
    while (!this.#isEnded) {
      const { bytes, base } = this.window
      if (this.#rest().startsWith(END)) {
        this.#isEnded = true
        return
      }
      const found = bytes.indexOf(rowEnd, this.#at - base)
      if (found === -1) break
      if (!this.#isSkipping) this.#addRow(base, base + found, fieldEnd, context)
      this.#isSkipping = false
      this.#at = base + found + rowEnd.length
      this.window.letGo(this.#at)
    }
    this.#at = Math.max(this.window.base, this.window.end - rowEnd.length)
    if (this.window.bytes.length > this.maxRecordBytes) this.#skip()
  }

  #addRow(start: number, end: number, fieldEnd: string, context: RecordContext): void {
    const { bytes, base } = this.window
    const [from, to] = trimmed(bytes, start - base, end - base)
    if (from === to) return
    if (!isUtf8(bytes.subarray(from, to))) {
      this.findings.addMalformed('RECORD_NOT_UTF8', base + from, 'the row holds bytes that are not UTF-8')
      return
    }
    const fields = bytes.toString('utf8', from, to).split(fieldEnd)
    if (fields.length === (context.columns?.length ?? 0) + 1 && fields.at(-1) === '') fields.pop()
    this.findings.addRecord(base + from, encodeUtf8(JSON.stringify(fields)), { context })
  }

  #skip(): void {
    if (!this.#isSkipping) {
      const reason = `the row is larger than ${this.maxRecordBytes} bytes, or its end is missing`
      this.findings.addMalformed('RECORD_TOO_LARGE', this.window.base, reason)
    }
    this.#isSkipping = true
    this.window.letGo(this.#at)
  }
}

/** What the text in front of the rows declares, or what is missing in it. */
const headerOf = (text: string): (Header & { count: number | undefined }) | string => {
  const fieldEnd = settingOf(text, 'EOF') ?? '^'
  const rowEnd = settingOf(text, 'EOR') ?? '~'
  const [, definition] = text.split('#DEFINITION#', 2)
  if (definition === undefined) return 'the file has no #DEFINITION#, so nobody knows its columns'
  const [names = ''] = definition.split(rowEnd, 1)
  const columns = names.split(fieldEnd).map((name) => name.trim())
  if (columns.at(-1) === '') columns.pop()
  if (columns.length === 0) return 'the #DEFINITION# names no column'
  const count = /^Property Count\s*:\s*'?(\d{1,9})/im.exec(text)?.[1]
  return {
    fieldEnd,
    rowEnd: Buffer.from(rowEnd),
    context: { values: undefined, columns, json: JSON.stringify(columns) },
    count: count === undefined ? undefined : Number(count)
  }
}

/** `EOF : '^'` */
const settingOf = (header: string, name: string): string | undefined =>
  new RegExp(String.raw`^${name}\s*:\s*'([^']{1,8})'`, 'im').exec(header)?.[1]
