import type { Path, XmlLayout } from './layout.ts'
import type { FileDamage } from './file-damage.ts'
import { Findings } from './findings.ts'
import { attributeOf, parseXmlRecord } from './parse-xml-record.ts'
import {
  MAX_RECORD_BYTES,
  type DocumentFaultCode,
  type MalformedCode,
  type RawRecord,
  type ScannedEvent,
  type Scanner,
  type ScannerOptions
} from './record-events.ts'
import { isSpace } from './xml-bytes.ts'
import { XmlCaptures, type XmlCapture } from './xml-captures.ts'
import { localName } from './xml-object.ts'
import { XmlOutline } from './xml-outline.ts'
import { MAX_OUTSIDE_CHECKS, outsideFault, type OutsideMarkup } from './xml-outside.ts'
import { XmlPlaces } from './xml-places.ts'
import { swallowsRecord } from './xml-swallowed.ts'
import { XmlTokenizer, type SectionKind, type StartTag, type Tag, type TagListener } from './xml-tokenizer.ts'

/**
 * Tags → records: knows where in the document it is, which elements are records, and how to go on behind a damaged
 * one. Inside a record only three things count: tags named like a record, tags named like its parent, and its size.
 * So whatever else is wrong in there costs that record and nothing behind it; saxes judges the rest.
 */

const MAX_CONTEXT_BYTES = 64 * 1024
const MAX_OUTER_DEPTH = 256
/** Where an id is to be found, however large the record. */
const MAX_HEAD_BYTES = 16 * 1024
/** Of a file with more damaged records nobody will believe that the others are gone. */
const MAX_HEADS = 1_000
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
  /** What it was collected for, if it is no record. */
  captures: readonly XmlCapture[] | undefined
  start: number
  contentStart: number
  name: Buffer
  parent: Buffer | undefined
  /** Open elements inside that are named like it, and like its parent. */
  nested: number
  nestedParents: number
  /** Names of the records that stand beside it. */
  beside: readonly Buffer[]
  /** Where the first element named like one of them began: the next record, should this one turn out to be unclosed. */
  firstNested: number | undefined
}

export class XmlScanner implements Scanner, TagListener {
  wantsText = true

  readonly #maxRecordBytes: number
  readonly #tokenizer = new XmlTokenizer(this)
  readonly #window = this.#tokenizer.window
  readonly #outline = new XmlOutline()
  readonly #findings = new Findings()
  readonly #places: XmlPlaces
  readonly #captures: XmlCaptures
  #collected: Collected | undefined
  #rereads = 0
  #heads = 0
  #checks = 0
  #isNestingSeen = false
  #trustsNoNesting = false
  /** The damage behind which the next record is being looked for. */
  #searchedSince: number | undefined

  constructor(layout: XmlLayout, { maxRecordBytes = MAX_RECORD_BYTES }: ScannerOptions = {}) {
    this.#maxRecordBytes = maxRecordBytes
    this.#places = new XmlPlaces(layout)
    this.#captures = new XmlCaptures(layout, this.#findings)
  }

  /** The events of the next bytes; to be taken to the last one before more is pushed. */
  *push(chunk: Uint8Array): Generator<ScannedEvent, void> {
    this.#tokenizer.push(chunk)
    yield* this.#taken()
  }

  *finish(): Generator<ScannedEvent, void> {
    this.#tokenizer.finish()
    yield* this.#taken()
    yield this.#findings.end(this.#window.end)
  }

  /** The stream broke: what is still to be read ends here. */
  damage(damage: FileDamage): void {
    this.#findings.damage(damage, this.#window.end)
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
      if (!this.#isTooLarge(this.#collected, end)) this.#suspect(this.#collected, kind, start, end)
      return
    }
    if (end - start > this.#maxRecordBytes) {
      this.#skipSection(start)
      return
    }
    if (kind !== 'doctype') {
      const isInRoot = this.#outline.isRootSeen && !this.#outline.isRootClosed
      this.#check(start, end, { kind, isInRoot, isFirst: this.#isAtBeginning(start) })
    } else {
      const text = this.#window.text(start, end)
      if (/^<!doctype\s+html\b/i.test(text)) this.fail('FEED_HTML', start, HTML)
      else if (!text.startsWith('<!DOCTYPE'))
        this.fail('FEED_STRUCTURE', start, 'a declaration is none that XML has')
    }
  }

  onText(start: number, end: number): void {
    const { bytes, base } = this.#window
    for (let at = start; at < end; at++) {
      const byte = bytes[at - base] ?? 0
      if (isSpace(byte) || byte === BOM[at]) continue
      this.#onStrayText(at, end)
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
    const name = this.#window.text(tag.nameStart, tag.nameEnd)
    if (!this.#outline.isRootSeen && !this.#acceptRoot(name, tag.start)) return
    if (this.#searchedSince !== undefined) {
      this.#goTo(this.#places.parentOf(name, this.#outline))
      this.#searchedSince = undefined
    }
    const captures = this.#captures.at(this.#outline, name)
    if (captures.length === 0 && this.#places.isRecord(this.#outline, name)) {
      this.#collect(tag, name, undefined)
    } else {
      if (tag.isBroken) this.fail('FEED_STRUCTURE', tag.start, `the tag <${name}> is never closed by ">"`)
      else this.#check(tag.start, tag.end, { kind: 'startTag' })
      if (captures.length > 0 && this.#capture(captures, tag, name)) return
      if (!tag.isEmpty) this.#enter(name, tag.start)
    }
    if (tag.isEmpty && this.#outline.depth === 0) this.#outline.isRootClosed = true
    this.#watchText()
  }

  #acceptRoot(name: string, offset: number): boolean {
    this.#outline.isRootSeen = true
    this.#tokenizer.allowsDoctype = false
    if (name.toLowerCase() === 'html') this.fail('FEED_HTML', offset, HTML)
    else if (this.#places.isRoot(name)) return true
    else {
      const expected = this.#places.roots.map((root) => `<${root}>`).join(' or ')
      this.fail('FEED_ROOT', offset, `the root element is <${name}>, not ${expected} as the format says`)
    }
    return false
  }

  #enter(name: string, offset: number): void {
    this.#outline.enter(name)
    this.#watchText()
    if (this.#outline.depth > MAX_OUTER_DEPTH) {
      this.fail('FEED_STRUCTURE', offset, `elements are nested deeper than ${MAX_OUTER_DEPTH} levels`)
      this.#tokenizer.halt()
    }
  }

  #closeOutside(tag: Tag): void {
    if (this.#outline.isRootClosed) {
      this.#trailing(tag.start)
      return
    }
    const name = this.#window.text(tag.nameStart, tag.nameEnd)
    this.#check(tag.start, tag.end, { kind: 'endTag' })
    const { parent } = this.#outline
    const how = this.#outline.leave(name)
    this.#captures.surroundings.leave(this.#outline.depth)
    if (how === 'notOpen') this.#onStrayEndTag(name, tag.start)
    if (how === 'closedOthers') {
      this.fail('FEED_STRUCTURE', tag.start, `</${name}> stands where </${parent}> is expected`)
    }
    this.#watchText()
  }

  #onStrayEndTag(name: string, offset: number): void {
    const parent = this.#places.parentOf(name, this.#outline)
    if (parent === undefined) {
      this.fail('FEED_STRUCTURE', offset, `</${name}> closes an element that was never opened`)
      return
    }
    this.#reportMalformed('RECORD_NOT_OPENED', offset, `</${name}> closes a record that was never opened`)
    // Its start tag may have been misspelt, and is still open.
    if (this.#outline.isWithin(parent)) this.#goTo(parent)
  }

  /** Around the root there is no text, and none between the records; elsewhere nobody asks. */
  #watchText(): void {
    this.wantsText =
      this.#collected === undefined && (this.#outline.isRootClosed || this.#places.isBetween(this.#outline))
  }

  /** True when the element is being collected. */
  #capture(captures: readonly XmlCapture[], tag: StartTag, name: string): boolean {
    const startTag = this.#window.text(tag.start, tag.end)
    const elements = captures.filter((capture) => {
      if (capture.attribute === undefined) return true
      this.#captures.surroundings.take(capture, attributeOf(startTag, capture.attribute))
      return false
    })
    if (elements.length === 0 || tag.isBroken) return false
    if (tag.isEmpty) {
      for (const capture of elements)
        this.#captures.surroundings.take(capture, valueOf(Buffer.from(startTag)))
      return false
    }
    this.#collect(tag, name, elements)
    return true
  }

  #goTo(path: Path | undefined): void {
    if (path === undefined) return
    this.#outline.goTo(path)
    this.#captures.surroundings.leave(this.#outline.depth)
  }

  // Inside a record

  #collect(tag: StartTag, name: string, captures: readonly XmlCapture[] | undefined): void {
    const { parent } = this.#outline
    const collected: Collected = {
      captures,
      start: tag.start,
      contentStart: tag.end,
      name: Buffer.from(name),
      parent: parent === undefined ? undefined : Buffer.from(parent),
      nested: 0,
      nestedParents: 0,
      beside: captures === undefined ? this.#places.namesBeside(this.#outline) : [],
      firstNested: undefined
    }
    this.#collected = collected
    this.#watchText()
    this.#tokenizer.keepFrom = tag.start
    this.#tokenizer.told = toldNames(collected)
    if (this.#isTooLarge(collected, tag.end)) return
    if (tag.isEmpty) this.#complete(collected, tag.end)
  }

  #openInside(collected: Collected, tag: StartTag): void {
    if (this.#isTooLarge(collected, tag.end)) return
    const isNamesake = this.#isNamed(tag, collected.name)
    if (isNamesake || this.#isNamedLikeOne(tag, collected.beside)) {
      collected.firstNested ??= tag.start
      if (this.#trustsNoNesting && collected.captures === undefined) this.#abandon(collected, tag.start)
      else if (isNamesake && !tag.isEmpty) collected.nested++
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

  /** A record that nobody saw is not gone: what may hide one makes the file no whole list. */
  #suspect({ name, beside }: Collected, kind: SectionKind, start: number, end: number): void {
    if (!swallowsRecord(this.#window.view(start, end), kind, name, beside)) return
    const reason = 'a CDATA section or comment in a record holds the next record; its end seems to be missing'
    this.fail('FEED_STRUCTURE', start, reason)
  }

  #complete(collected: Collected, end: number): void {
    const bytes = this.#window.slice(collected.start, end)
    if (collected.captures === undefined) {
      if (collected.firstNested !== undefined) this.#isNestingSeen = true
      this.#findings.addRecord(collected.start, bytes, this.#around(collected))
      this.#pauseWhenFull()
      if (this.#outline.depth === 0) this.#outline.isRootClosed = true
    } else {
      for (const capture of collected.captures) this.#captures.surroundings.take(capture, valueOf(bytes))
    }
    this.#release()
  }

  #around({ name }: Collected): Pick<RawRecord, 'element' | 'context'> {
    const { context } = this.#captures.surroundings
    return {
      ...(this.#places.hasManyNames ? { element: localName(name.toString()) } : {}),
      ...(context === undefined ? {} : { context })
    }
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
    if (collected.captures === undefined) this.#reportNotClosed(collected, firstNested ?? revealedAt)
    this.#release()
    if (collected.captures !== undefined) {
      // What stands in it is read as if it stood beside it: the records are worth more than what is said of them.
      this.fail('FEED_STRUCTURE', collected.start, `<${collected.name.toString()}> is never closed`)
      this.#tokenizer.rewind(collected.contentStart)
      return
    }
    if (firstNested !== undefined) this.#doubtNesting()
    this.#tokenizer.rewind(firstNested ?? revealedAt)
  }

  /** Once one record was not closed, a record inside a record is more likely the next one than a nested one. */
  #doubtNesting(): void {
    this.#rereads++
    this.#trustsNoNesting ||= !this.#isNestingSeen || this.#rereads > MAX_REREADS
  }

  #isTooLarge(collected: Collected, end: number): boolean {
    if (
      end - collected.start <=
      (collected.captures === undefined ? this.#maxRecordBytes : MAX_CONTEXT_BYTES)
    )
      return false
    if (collected.captures !== undefined) {
      this.#abandon(collected, collected.start)
      return true
    }
    const name = collected.name.toString()
    if (collected.firstNested !== undefined) this.#doubtNesting()
    const head = this.#headOf(collected)
    this.#release()
    this.#reportMalformed(
      'RECORD_TOO_LARGE',
      collected.start,
      `the record is larger than ${this.#maxRecordBytes} bytes, or </${name}> or the end of a CDATA section or comment is missing`,
      head
    )
    this.#searchRecord(collected.start, this.#places.namesBeside(this.#outline))
    return true
  }

  #isNamedLikeOne(tag: Tag, names: readonly Buffer[]): boolean {
    for (const name of names) if (this.#isNamed(tag, name)) return true
    return false
  }

  #isNamed({ nameStart, nameEnd }: Tag, name: Buffer): boolean {
    const length = nameEnd - nameStart
    if (length !== name.length) return false
    const { bytes, base } = this.#window
    const from = nameStart - base
    for (let at = 0; at < length; at++) if (bytes[from + at] !== name[at]) return false
    return true
  }

  // Damage and the end of the file

  /** A comment, CDATA section or tag around the records is larger than any record: it is taken as unclosed. */
  #skipSection(start: number): void {
    this.fail('FEED_STRUCTURE', start, 'a comment, CDATA section or tag between the records is never closed')
    if (this.#outline.isRootClosed) this.#tokenizer.halt()
    else this.#searchRecord(start, this.#places.names)
  }

  #searchRecord(damagedAt: number, names: readonly Buffer[]): void {
    this.#searchedSince = damagedAt
    this.#goTo(this.#places.nearestParent(this.#outline)) // records are found again only where they belong
    if (this.#isGivenUp(damagedAt)) return
    this.#tokenizer.searchTag(names, damagedAt + 1)
  }

  /** Reading again and again costs more than what could still be found is worth: the file is left here. */
  #isGivenUp(offset: number): boolean {
    if (this.#tokenizer.rereadTokens <= MAX_REREAD_TOKENS + offset * REREAD_TOKENS_PER_BYTE) return false
    this.fail('FEED_STRUCTURE', offset, 'the file is damaged in too many places to be read on')
    this.#tokenizer.halt()
    return true
  }

  /** What was found, in parts: whenever much is waiting, reading stands still until it has been taken. */
  *#taken(): Generator<ScannedEvent, void> {
    yield* this.#findings.take()
    while (this.#tokenizer.isPaused) {
      this.#tokenizer.resume()
      yield* this.#findings.take()
    }
  }

  #endInside(collected: Collected, openAt: number): boolean {
    if (collected.captures !== undefined) {
      this.#abandon(collected, collected.start)
      return true
    }
    if (collected.firstNested !== undefined) {
      this.#abandon(collected, collected.firstNested)
      return true
    }
    const next = this.#window.findTag(collected.beside, Math.max(openAt, collected.start) + 1)
    if (next === undefined) {
      this.#release()
      this.fail('FEED_CUT_SHORT', collected.start, 'the file ends inside a record')
      return false
    }
    this.#reportNotClosed(collected, next)
    this.#release()
    if (!this.#isGivenUp(collected.start)) this.#tokenizer.rewind(next)
    return true
  }

  #endOutside(openAt: number, end: number): boolean {
    if (this.#outline.isRootClosed) {
      if (openAt < end) this.#trailing(openAt)
      return false
    }
    if (openAt < end && this.#searchedSince === undefined) {
      const next = this.#window.findTag(this.#places.names, openAt + 1)
      if (next !== undefined) {
        this.#skipSection(openAt)
        return true
      }
    }
    if (this.#searchedSince !== undefined) {
      this.fail('FEED_STRUCTURE', this.#searchedSince, 'nothing can be read behind the damage')
    } else if (!this.#outline.isRootSeen && openAt === end) {
      this.fail('FEED_EMPTY', 0, end === 0 ? 'the file is empty' : 'the file holds no element')
    } else {
      this.fail('FEED_CUT_SHORT', end, 'the file ends before its root element is closed')
    }
    return false
  }

  #onStrayText(at: number, end: number): void {
    if (this.#outline.isRootClosed) {
      this.#trailing(at)
    } else {
      const sample = this.#window.text(at, Math.min(end, at + 60)).replace(/\s+/g, ' ')
      if (this.#outline.isRootSeen)
        this.fail('FEED_STRUCTURE', at, `text stands between the records: "${sample}"`)
      else this.fail('FEED_NOT_XML', at, `the file is not XML, it begins with "${sample}"`)
    }
  }

  /** Nothing but blanks stands in front of it, which XML does not allow and every browser does. */
  #isAtBeginning(start: number): boolean {
    const isFirst = this.#checks === 0 && !this.#outline.isRootSeen
    const { bytes, base } = this.#window
    const isBehindMark = base === 0 && start === BOM.length && bytes[0] === BOM[0]
    const isDeclaration = /^<\?xml\s/.test(this.#window.text(start, start + 6))
    if (isFirst && start > 0 && !isBehindMark && isDeclaration) {
      this.#findings.warn('FEED_DECLARATION', 'Blanks stand in front of the XML declaration')
    }
    return isFirst
  }

  /** The scanner itself looks at no more than it needs: what stands around the records must be sound all the same. */
  #check(start: number, end: number, markup: OutsideMarkup): void {
    if (this.#checks++ >= MAX_OUTSIDE_CHECKS) return
    const fault = outsideFault(this.#window.text(start, end), markup)
    if (fault !== undefined)
      this.fail('FEED_STRUCTURE', start, `what stands around the records is not sound: ${fault}`)
  }

  #trailing(offset: number): void {
    this.fail('FEED_TRAILING', offset, 'there is more behind the end of the root element')
    this.#tokenizer.halt()
  }

  fail(code: DocumentFaultCode, offset: number, reason: string): void {
    this.#findings.fail(code, offset, reason)
    if (this.#findings.isFatal) this.#tokenizer.halt()
  }

  #reportNotClosed(collected: Collected, end: number): void {
    const name = collected.name.toString()
    const reason = `<${name}> is never closed by </${name}>`
    this.#reportMalformed('RECORD_NOT_CLOSED', collected.start, reason, this.#headOf(collected, end))
  }

  #reportMalformed(code: MalformedCode, offset: number, reason: string, head?: Buffer): void {
    this.#findings.addMalformed(code, offset, reason, head)
    this.#pauseWhenFull()
  }

  /** Of a record whose end is missing; a record of a name nobody knew may be lost with it, and then it has none. */
  #headOf({ start }: Collected, end = start + this.#maxRecordBytes): Buffer | undefined {
    if (!this.#places.areNamesKnown || this.#heads++ >= MAX_HEADS) return undefined
    return this.#window.slice(start, Math.min(end, start + MAX_HEAD_BYTES))
  }

  #pauseWhenFull(): void {
    if (this.#findings.waiting >= MAX_WAITING) this.#tokenizer.pause()
  }
}

const HTML = 'the file is an HTML page, most likely an error or login page of the vendor'

const toldNames = ({ name, parent, beside }: Collected): readonly Buffer[] => [
  name,
  ...beside.filter((other) => !other.equals(name)),
  ...(parent === undefined ? [] : [parent])
]

/** A text, or an object where there is more; `undefined` when it is not well-formed. */
const valueOf = (bytes: Buffer): unknown => {
  try {
    const value = parseXmlRecord(bytes, { lists: [] })
    const [name, ...more] = Object.keys(value)
    if (name === undefined) return ''
    return name === '#text' && more.length === 0 ? value[name] : value
  } catch {
    return undefined
  }
}
