import type { XmlRecords } from '../formats/format.ts'
import { attributeOf, localName, parseXmlRecord } from './parse-xml-record.ts'
import { declaredCharset, isUtf8Name } from './xml-charset.ts'
import type { DocumentFaultCode, MalformedCode, XmlEvent } from './xml-events.ts'
import { XmlFindings } from './xml-findings.ts'
import { XmlOutline } from './xml-outline.ts'
import { XmlTokenizer, type SectionKind, type StartTag, type Tag, type TagListener } from './xml-tokenizer.ts'

/**
 * Tags → records: knows where in the document it is, which elements are records, and how to go on behind a damaged
 * one. Inside a record only three things count: tags named like the record, tags named like its parent, and its size.
 * So whatever else is wrong in there costs that record and nothing behind it; saxes judges the rest.
 */

export const MAX_RECORD_BYTES = 4 * 1024 * 1024
const MAX_CONTEXT_BYTES = 64 * 1024
const MAX_OUTER_DEPTH = 256
/** Reading again behind an unclosed record costs up to a record's maximum size; a broken file gets that so often. */
const MAX_REREADS = 16
/**
 * The same for damage that only shows at a record's maximum size: tokens read again, about a second's work, and half a
 * token more for every byte of the file, so that what a file costs stays in proportion to its size.
 */
const MAX_REREAD_TOKENS = 4_000_000
const REREAD_TOKENS_PER_BYTE = 0.5
/** Events held until they are taken: what is retained of a broken file can hold hundreds of thousands. */
const MAX_WAITING = 256
const BOM = [0xef, 0xbb, 0xbf]

/** The element being collected: a record, or one above the records that says something about all of them. */
interface Collected {
  isRecord: boolean
  start: number
  contentStart: number
  name: Buffer
  parent: Buffer | undefined
  /** Open elements inside that are named like it, and like its parent. */
  nested: number
  nestedParents: number
  /** Where the first element named like it began: the next record, should this one turn out to be unclosed. */
  firstNested: number | undefined
}

export interface ScannerOptions {
  /** A record larger than this is reported and skipped. */
  maxRecordBytes?: number
}

export class XmlScanner implements TagListener {
  wantsText = true

  readonly #selector: XmlRecords
  readonly #maxRecordBytes: number
  readonly #tokenizer = new XmlTokenizer(this)
  readonly #outline = new XmlOutline()
  readonly #findings = new XmlFindings()
  /** Path of the element the records stand in. */
  readonly #parentPath: readonly string[]
  readonly #contextPath: readonly string[] | undefined
  readonly #contextAttribute: string | undefined
  #collected: Collected | undefined
  #recordName: string
  #isContextRead: boolean
  #rereads = 0
  #isNestingSeen = false
  #trustsNoNesting = false
  /** The damage behind which the next record is being looked for. */
  #searchedSince: number | undefined

  constructor(selector: XmlRecords, options: ScannerOptions = {}) {
    this.#selector = selector
    this.#maxRecordBytes = options.maxRecordBytes ?? MAX_RECORD_BYTES
    this.#parentPath = selector.path.slice(0, -1)
    this.#recordName = selector.path.at(-1) ?? ''
    const last = selector.generatedAt?.at(-1)
    this.#contextAttribute = last?.startsWith('@') ? last.slice(1) : undefined
    this.#contextPath =
      this.#contextAttribute === undefined ? selector.generatedAt : selector.generatedAt?.slice(0, -1)
    this.#isContextRead = this.#contextPath === undefined
  }

  /** The events of the next bytes; to be taken to the last one before more is pushed. */
  *push(chunk: Uint8Array): Generator<XmlEvent, void> {
    this.#tokenizer.push(chunk)
    yield* this.#taken()
  }

  *finish(): Generator<XmlEvent, void> {
    this.#tokenizer.finish()
    yield* this.#taken()
    yield this.#findings.end()
  }

  /** Whether the rest of the file does not matter any more. */
  get isFinished(): boolean {
    return this.#findings.isFatal
  }

  onStartTag(tag: StartTag): void {
    if (this.#collected === undefined) this.#openOutside(tag)
    else this.#openInside(this.#collected, tag)
  }

  onEndTag(tag: Tag): void {
    if (this.#collected === undefined) this.#closeOutside(tag)
    else this.#closeInside(this.#collected, tag)
  }

  onSection(kind: SectionKind, start: number, end: number): void {
    if (this.#collected !== undefined) {
      this.#isTooLarge(this.#collected, end)
      return
    }
    if (end - start > this.#maxRecordBytes) {
      this.#skipSection(start)
      return
    }
    if (this.#outline.isRootSeen) return
    const text = this.#tokenizer.text(start, end)
    if (kind === 'doctype' && /^<!doctype\s+html\b/i.test(text)) this.#fail('FEED_HTML', start, HTML)
    if (kind === 'pi') this.#checkCharset(text, start)
  }

  onText(start: number, end: number): void {
    const { bytes, base } = this.#tokenizer
    for (let at = start; at < end; at++) {
      const byte = bytes[at - base] ?? 0
      if (byte === 0x20 || (byte >= 0x09 && byte <= 0x0d) || byte === BOM[at]) continue
      this.#onStrayText(byte, at, end)
      return
    }
  }

  onPending(start: number, end: number, isLast: boolean): boolean {
    const collected = this.#collected
    if (collected !== undefined) {
      if (this.#isTooLarge(collected, end)) return true
      return isLast && this.#endInside(collected, start)
    }
    if (end - start > this.#maxRecordBytes) {
      this.#skipSection(start)
      return true
    }
    return isLast && this.#endOutside(start, end)
  }

  // Around the records

  #openOutside(tag: StartTag): void {
    if (this.#outline.isRootClosed) {
      this.#trailing(tag.start)
      return
    }
    const name = this.#tokenizer.text(tag.nameStart, tag.nameEnd)
    if (!this.#outline.isRootSeen && !this.#acceptRoot(name, tag.start)) return
    this.#searchedSince = undefined
    if (this.#outline.isAt(this.#selector.path, name)) {
      this.#recordName = name
      this.#collect(tag, name, true)
    } else {
      if (tag.isBroken) this.#fail('FEED_STRUCTURE', tag.start, `the tag <${name}> is never closed by ">"`)
      if (this.#readContext(tag, name)) return
      if (!tag.isEmpty) this.#enter(name, tag.start)
    }
    if (tag.isEmpty && this.#outline.depth === 0) this.#outline.isRootClosed = true
    this.#watchText()
  }

  #acceptRoot(name: string, offset: number): boolean {
    this.#outline.isRootSeen = true
    this.#tokenizer.allowsDoctype = false
    const expected = this.#selector.path[0] ?? ''
    if (localName(name) === expected) return true
    if (name.toLowerCase() === 'html') this.#fail('FEED_HTML', offset, HTML)
    else
      this.#fail('FEED_ROOT', offset, `the root element is <${name}>, not <${expected}> as the format says`)
    return false
  }

  #enter(name: string, offset: number): void {
    this.#outline.enter(name)
    this.#watchText()
    if (this.#outline.depth > MAX_OUTER_DEPTH) {
      this.#fail('FEED_STRUCTURE', offset, `elements are nested deeper than ${MAX_OUTER_DEPTH} levels`)
      this.#tokenizer.halt()
    }
  }

  #closeOutside(tag: Tag): void {
    if (this.#outline.isRootClosed) {
      this.#trailing(tag.start)
      return
    }
    const name = this.#tokenizer.text(tag.nameStart, tag.nameEnd)
    const { parent } = this.#outline
    const how = this.#outline.leave(name)
    if (how === 'notOpen') this.#onStrayEndTag(name, tag.start)
    if (how === 'closedOthers') {
      this.#fail('FEED_STRUCTURE', tag.start, `</${name}> stands where </${parent}> is expected`)
    }
    this.#watchText()
  }

  #onStrayEndTag(name: string, offset: number): void {
    if (localName(name) !== localName(this.#recordName)) {
      this.#fail('FEED_STRUCTURE', offset, `</${name}> closes an element that was never opened`)
      return
    }
    this.#reportMalformed('RECORD_NOT_OPENED', offset, `</${name}> closes a record that was never opened`)
    // Its start tag may have been misspelt, and is still open.
    if (this.#outline.isWithin(this.#parentPath)) this.#outline.goTo(this.#parentPath)
  }

  /** Around the root there is no text, and none between the records; elsewhere nobody asks. */
  #watchText(): void {
    const { isRootClosed, depth } = this.#outline
    const isBetween = depth === this.#parentPath.length && this.#outline.isWithin(this.#parentPath)
    this.wantsText = this.#collected === undefined && (isRootClosed || isBetween)
  }

  /** True when the element is being collected or has been dealt with. */
  #readContext(tag: StartTag, name: string): boolean {
    if (
      this.#isContextRead ||
      this.#contextPath === undefined ||
      !this.#outline.isAt(this.#contextPath, name)
    )
      return false
    this.#isContextRead = true
    if (this.#contextAttribute === undefined) {
      if (tag.isEmpty || tag.isBroken) return false
      this.#collect(tag, name, false)
      return true
    }
    const value = attributeOf(this.#tokenizer.text(tag.start, tag.end), this.#contextAttribute)
    this.#findings.addGeneratedAt(value)
    return false
  }

  // Inside a record

  #collect(tag: StartTag, name: string, isRecord: boolean): void {
    const { parent } = this.#outline
    const collected: Collected = {
      isRecord,
      start: tag.start,
      contentStart: tag.end,
      name: Buffer.from(name),
      parent: parent === undefined ? undefined : Buffer.from(parent),
      nested: 0,
      nestedParents: 0,
      firstNested: undefined
    }
    this.#collected = collected
    this.#watchText()
    this.#tokenizer.keepFrom = tag.start
    this.#tokenizer.told =
      collected.parent === undefined ? [collected.name] : [collected.name, collected.parent]
    if (this.#isTooLarge(collected, tag.end)) return
    if (tag.isEmpty) this.#complete(collected, tag.end)
  }

  #openInside(collected: Collected, tag: StartTag): void {
    if (this.#isTooLarge(collected, tag.end)) return
    if (this.#isNamed(tag, collected.name)) {
      collected.firstNested ??= tag.start
      if (this.#trustsNoNesting && collected.isRecord) this.#abandon(collected, tag.start)
      else if (!tag.isEmpty) collected.nested++
    } else if (collected.parent !== undefined && !tag.isEmpty && this.#isNamed(tag, collected.parent)) {
      collected.nestedParents++
    }
  }

  #closeInside(collected: Collected, tag: Tag): void {
    if (this.#isTooLarge(collected, tag.end)) return
    if (this.#isNamed(tag, collected.name)) {
      if (collected.nested === 0) this.#complete(collected, tag.end)
      else collected.nested--
    } else if (collected.parent !== undefined && this.#isNamed(tag, collected.parent)) {
      if (collected.nestedParents === 0) this.#abandon(collected, tag.start)
      else collected.nestedParents--
    }
  }

  #complete(collected: Collected, end: number): void {
    const bytes = this.#tokenizer.slice(collected.start, end)
    if (collected.isRecord) {
      if (collected.firstNested !== undefined) this.#isNestingSeen = true
      this.#findings.addRecord(collected.start, bytes)
      this.#pauseWhenFull()
      if (this.#outline.depth === 0) this.#outline.isRootClosed = true
    } else {
      this.#findings.addGeneratedAt(textOf(bytes))
    }
    this.#release()
  }

  #release(): void {
    this.#collected = undefined
    this.#tokenizer.keepFrom = undefined
    this.#tokenizer.told = undefined
    this.#watchText()
  }

  /** The element is not closed, as the tag at `revealedAt` shows: goes on at the next record inside it, or there. */
  #abandon(collected: Collected, revealedAt: number): void {
    const { firstNested } = collected
    this.#release()
    if (!collected.isRecord) {
      this.#fail('FEED_STRUCTURE', collected.start, `<${collected.name.toString()}> is never closed`)
      this.#enter(collected.name.toString(), collected.start)
      this.#tokenizer.rewind(collected.contentStart)
      return
    }
    this.#reportNotClosed(collected)
    if (firstNested !== undefined) this.#doubtNesting()
    this.#tokenizer.rewind(firstNested ?? revealedAt)
  }

  /** Once one record was not closed, a record inside a record is more likely the next one than a nested one. */
  #doubtNesting(): void {
    this.#rereads++
    this.#trustsNoNesting ||= !this.#isNestingSeen || this.#rereads > MAX_REREADS
  }

  #isTooLarge(collected: Collected, end: number): boolean {
    if (end - collected.start <= (collected.isRecord ? this.#maxRecordBytes : MAX_CONTEXT_BYTES)) return false
    if (!collected.isRecord) {
      this.#abandon(collected, collected.start)
      return true
    }
    const name = collected.name.toString()
    if (collected.firstNested !== undefined) this.#doubtNesting()
    this.#release()
    this.#reportMalformed(
      'RECORD_TOO_LARGE',
      collected.start,
      `the record is larger than ${this.#maxRecordBytes} bytes, or </${name}> or the end of a CDATA section or comment is missing`
    )
    this.#searchRecord(collected.start)
    return true
  }

  #isNamed({ nameStart, nameEnd }: Tag, name: Buffer): boolean {
    const length = nameEnd - nameStart
    if (length !== name.length) return false
    const { bytes, base } = this.#tokenizer
    const from = nameStart - base
    for (let at = 0; at < length; at++) if (bytes[from + at] !== name[at]) return false
    return true
  }

  // Damage and the end of the file

  /** A comment, CDATA section or tag around the records is larger than any record: it is taken as unclosed. */
  #skipSection(start: number): void {
    this.#fail('FEED_STRUCTURE', start, 'a comment, CDATA section or tag between the records is never closed')
    if (this.#outline.isRootClosed) this.#tokenizer.halt()
    else this.#searchRecord(start)
  }

  #searchRecord(damagedAt: number): void {
    this.#searchedSince = damagedAt
    this.#outline.goTo(this.#parentPath) // records are found again only where they belong
    if (this.#isGivenUp(damagedAt)) return
    this.#tokenizer.searchTag(this.#recordName, damagedAt + 1)
  }

  /** Reading again and again costs more than what could still be found is worth: the file is left here. */
  #isGivenUp(offset: number): boolean {
    if (this.#tokenizer.rereadTokens <= MAX_REREAD_TOKENS + offset * REREAD_TOKENS_PER_BYTE) return false
    this.#fail('FEED_STRUCTURE', offset, 'the file is damaged in too many places to be read on')
    this.#tokenizer.halt()
    return true
  }

  /** What was found, in parts: whenever much is waiting, reading stands still until it has been taken. */
  *#taken(): Generator<XmlEvent, void> {
    yield* this.#findings.take()
    while (this.#tokenizer.isPaused) {
      this.#tokenizer.resume()
      yield* this.#findings.take()
    }
  }

  #endInside(collected: Collected, openAt: number): boolean {
    if (!collected.isRecord) {
      this.#abandon(collected, collected.start)
      return true
    }
    if (collected.firstNested !== undefined) {
      this.#abandon(collected, collected.firstNested)
      return true
    }
    const next = this.#tokenizer.findTag(this.#recordName, Math.max(openAt, collected.start) + 1)
    this.#release()
    if (next === undefined) {
      this.#fail('FEED_CUT_SHORT', collected.start, 'the file ends inside a record')
      return false
    }
    this.#reportNotClosed(collected)
    if (!this.#isGivenUp(collected.start)) this.#tokenizer.rewind(next)
    return true
  }

  #endOutside(openAt: number, end: number): boolean {
    if (this.#outline.isRootClosed) {
      if (openAt < end) this.#trailing(openAt)
      return false
    }
    if (openAt < end && this.#searchedSince === undefined) {
      const next = this.#tokenizer.findTag(this.#recordName, openAt + 1)
      if (next !== undefined) {
        this.#skipSection(openAt)
        return true
      }
    }
    if (this.#searchedSince !== undefined) {
      this.#fail('FEED_STRUCTURE', this.#searchedSince, 'nothing can be read behind the damage')
    } else if (!this.#outline.isRootSeen && openAt === end) {
      this.#fail('FEED_EMPTY', 0, end === 0 ? 'the file is empty' : 'the file holds no element')
    } else {
      this.#fail('FEED_CUT_SHORT', end, 'the file ends before its root element is closed')
    }
    return false
  }

  #onStrayText(byte: number, at: number, end: number): void {
    if (this.#outline.isRootClosed) this.#trailing(at)
    else if (!this.#outline.isRootSeen && (byte === 0 || (at < 2 && (byte === 0xfe || byte === 0xff)))) {
      this.#fail('FEED_CHARSET', at, 'the file seems to be UTF-16; only UTF-8 is read')
    } else {
      const sample = this.#tokenizer.text(at, Math.min(end, at + 60)).replace(/\s+/g, ' ')
      if (this.#outline.isRootSeen)
        this.#fail('FEED_STRUCTURE', at, `text stands between the records: "${sample}"`)
      else this.#fail('FEED_NOT_XML', at, `the file is not XML, it begins with "${sample}"`)
    }
  }

  #checkCharset(instruction: string, offset: number): void {
    const charset = declaredCharset(instruction)
    if (charset === undefined || isUtf8Name(charset)) return
    this.#fail('FEED_CHARSET', offset, `the file declares the charset "${charset}"; only UTF-8 is read`)
  }

  #trailing(offset: number): void {
    this.#fail('FEED_TRAILING', offset, 'there is more behind the end of the root element')
    this.#tokenizer.halt()
  }

  #fail(code: DocumentFaultCode, offset: number, reason: string): void {
    this.#findings.fail(code, offset, reason)
    if (this.#findings.isFatal) this.#tokenizer.halt()
  }

  #reportNotClosed(collected: Collected): void {
    const name = collected.name.toString()
    this.#reportMalformed('RECORD_NOT_CLOSED', collected.start, `<${name}> is never closed by </${name}>`)
  }

  #reportMalformed(code: MalformedCode, offset: number, reason: string): void {
    this.#findings.addMalformed(code, offset, reason)
    this.#pauseWhenFull()
  }

  #pauseWhenFull(): void {
    if (this.#findings.waiting >= MAX_WAITING) this.#tokenizer.pause()
  }
}

const HTML = 'the file is an HTML page, most likely an error or login page of the vendor'

const textOf = (bytes: Buffer): unknown => {
  try {
    return parseXmlRecord(bytes, { lists: [] })['#text']
  } catch {
    return undefined
  }
}
