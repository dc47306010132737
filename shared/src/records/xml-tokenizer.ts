import {
  APOSTROPHE,
  BANG,
  CDATA_START,
  COMMENT_START,
  endsName,
  endsValue,
  GT,
  isNameStart,
  LT,
  QUESTION,
  QUOTE,
  SECTION_END,
  SLASH
} from './xml-bytes.ts'
import { XmlDoctype } from './xml-doctype.ts'
import { toNeedle, XmlWindow } from './xml-window.ts'

/**
 * UTF-8 XML as a stream of bytes → where its tags are. Knows CDATA, comments, processing instructions, DOCTYPE with an
 * internal subset, and quotes in tags; knows nothing of records. It never looks at a byte twice, however small the
 * pieces it is fed: every search goes on where it stopped. In UTF-8 no byte of a longer character is below 0x80, so
 * looking for `<` byte by byte is exact.
 */

/** Whom the tokenizer tells. Positions are offsets in the file; in the window `bytes[position - base]` is the byte there. */
export interface TagListener {
  /** `isBroken`: the tag never closed properly, and reading goes on at the next `<`, which is `end`. */
  onStartTag: (tag: StartTag) => void
  onEndTag: (tag: Tag) => void
  /** A whole comment, CDATA section, processing instruction or DOCTYPE. */
  onSection: (kind: SectionKind, start: number, end: number) => void
  /** Text between tags, in pieces; asked for only while `wantsText`. */
  onText: (start: number, end: number) => void
  wantsText: boolean
  /**
   * The bytes fed so far end, at `end`, inside what began at `start`; `isLast` when no more will come. Answers whether
   * it moved the tokenizer (`rewind`, `searchTag`) so that it can go on.
   */
  onPending: (start: number, end: number, isLast: boolean) => boolean
}

export interface Tag {
  start: number
  end: number
  nameStart: number
  nameEnd: number
}

export interface StartTag extends Tag {
  isEmpty: boolean
  isBroken: boolean
}

export type SectionKind = 'comment' | 'cdata' | 'pi' | 'doctype'

type State = 'text' | 'startTag' | 'endTag' | 'doctype' | 'search' | SectionKind

/** A quoted value this long that also holds a `<` is an unclosed quote, not an attribute. */
const MAX_SUSPECT_QUOTE_BYTES = 64 * 1024
export class XmlTokenizer {
  readonly window = new XmlWindow()
  /** Bytes from here on are retained although they have been read; `undefined` keeps nothing. */
  keepFrom: number | undefined
  /** Names whose tags are told; while it is set, sound tags with other names are passed over. `undefined` tells all. */
  told: readonly Uint8Array[] | undefined
  /** A DOCTYPE may stand only before the root; later a `<!` that begins neither comment nor CDATA is stray text. */
  allowsDoctype = true
  /** Tokens read a second time, or oftener: what going back has cost so far. */
  rereadTokens = 0

  readonly #listener: TagListener
  readonly #tag: StartTag = { start: 0, end: 0, nameStart: 0, nameEnd: 0, isEmpty: false, isBroken: false }
  #state: State = 'text'
  /** The two below are indexes into the window. */
  #at = 0
  #start = 0
  #ended = false
  #isHalted = false
  #quote = 0
  #quoteStart = 0
  /** First `<` inside the open quote, or -1. */
  #suspect = -1
  readonly #doctype = new XmlDoctype()
  #needles: readonly Buffer[] = []
  #isPaused = false
  /** The offset up to which the file had been read when reading first went back. */
  #furthest = 0
  /** By kind, the stretch of the file in which no such section ends: going back does not search it again. */
  readonly #endless: Partial<Record<keyof typeof SECTION_END, { from: number; to: number }>> = {}

  constructor(listener: TagListener) {
    this.#listener = listener
  }

  push(chunk: Uint8Array): void {
    if (this.#isHalted) return
    this.#append(chunk)
    this.#run()
  }

  /** No more bytes come: what still waits for one is decided now. */
  finish(): void {
    this.#ended = true
    this.#run()
  }

  /** Reads no further, whatever is fed. */
  halt(): void {
    this.#isHalted = true
  }

  /** Stops behind the current token; nothing may be fed until `resume` has left it unpaused. */
  pause(): void {
    this.#isPaused = true
  }

  get isPaused(): boolean {
    return this.#isPaused
  }

  resume(): void {
    this.#isPaused = false
    this.#run()
  }

  /** Reads on from `offset`, which must be retained, as if text began there. */
  rewind(offset: number): void {
    this.#goesBack()
    this.#state = 'text'
    this.#at = offset - this.window.base
  }

  /** Skips from `offset` to the next start tag with one of the names, looking at nothing but bytes. */
  searchTag(names: readonly Buffer[], offset: number): void {
    this.#goesBack()
    this.#state = 'search'
    this.#needles = names.map(toNeedle)
    this.#at = offset - this.window.base
  }

  #goesBack(): void {
    this.#furthest = Math.max(this.#furthest, this.window.end)
    const kind = this.#state
    if (kind !== 'comment' && kind !== 'cdata' && kind !== 'pi') return
    this.#endless[kind] = { from: this.window.base + this.#start, to: this.window.base + this.#at }
  }

  #append(chunk: Uint8Array): void {
    const { window, keepFrom } = this
    const open = this.#open()
    const gone = window.append(chunk, keepFrom === undefined ? open : Math.min(open, keepFrom - window.base))
    this.#at -= gone
    this.#start -= gone
    this.#quoteStart -= gone
    if (this.#suspect !== -1) this.#suspect -= gone
  }

  #run(): void {
    let goesOn = true
    while (goesOn && !this.#isHalted) {
      while (!this.#isHalted && !this.#isPaused && this.#step()) {
        // every step moves on by a token, or says that it needs more bytes
        if (this.window.base + this.#at < this.#furthest) this.rereadTokens++
      }
      if (this.#isHalted || this.#isPaused) return
      goesOn = this.#listener.onPending(this.window.base + this.#open(), this.window.end, this.#ended)
    }
    this.#isPaused = false
  }

  /** Where what is being read began. */
  #open(): number {
    return this.#state === 'text' || this.#state === 'search' ? this.#at : this.#start
  }

  /** False when it needs more bytes than there are. */
  #step(): boolean {
    switch (this.#state) {
      case 'text':
        return this.#readText()
      case 'startTag':
        return this.#readStartTag()
      case 'endTag':
        return this.#readEndTag()
      case 'doctype':
        return this.#readDoctype()
      case 'search':
        return this.#search()
      default:
        return this.#readSection(this.#state)
    }
  }

  #readText(): boolean {
    // What is read again is counted tag by tag.
    if (this.told !== undefined && this.window.base + this.#at >= this.#furthest) this.#passOver(this.told)
    const begin = this.#at
    const at = this.window.indexOfLt(begin)
    if (at > begin && this.#listener.wantsText)
      this.#listener.onText(this.window.base + begin, this.window.base + at)
    this.#at = at
    if (at === this.window.length) return false
    const state = this.#classify(at)
    if (state === undefined) return false
    this.#state = state
    if (state === 'text') return true // a `<` that begins nothing
    this.#start = at
    this.#quote = 0
    this.#suspect = -1
    if (state === 'doctype') this.#doctype.begin()
    return true
  }

  /** Moves to the first tag that is told, or that takes a closer look: unsound, unfinished or no tag at all. */
  #passOver(told: readonly Uint8Array[]): void {
    const { bytes, length } = this.window
    let at = this.#at
    for (;;) {
      at = this.window.indexOfLt(at)
      const next = bytes[at + 1] ?? 0
      const isEnd = next === SLASH
      if (at + 1 >= length || !(isEnd || isNameStart(next))) break
      const name = isEnd ? at + 2 : at + 1
      if (mayBegin(told, bytes, name, length)) break
      const end = isEnd ? endOfEndTag(bytes, name, length) : endOfStartTag(bytes, name, length)
      if (end === undefined) break
      at = end
    }
    this.#at = at
  }

  /** What the `<` at `at` begins; moves `#at` behind its first bytes. `undefined`: too few bytes to tell. */
  #classify(at: number): State | undefined {
    const next = at + 1 < this.window.length ? this.window.bytes[at + 1] : undefined
    if (next === undefined) {
      if (this.#ended) this.#at = at + 1
      return this.#ended ? 'text' : undefined
    }
    if (next === SLASH) {
      this.#at = at + 2
      return 'endTag'
    }
    if (next === QUESTION) {
      this.#at = at + 2
      return 'pi'
    }
    if (next === BANG) return this.#classifyDeclaration(at)
    this.#at = at + 1
    return isNameStart(next) ? 'startTag' : 'text'
  }

  #classifyDeclaration(at: number): State | undefined {
    for (const [kind, start] of [
      ['comment', COMMENT_START],
      ['cdata', CDATA_START]
    ] as const) {
      const length = Math.min(start.length, this.window.length - at)
      if (this.window.bytes.compare(start, 0, length, at, at + length) !== 0) continue
      if (length < start.length && !this.#ended) return undefined
      this.#at = at + length
      return kind
    }
    this.#at = at + 2
    return this.allowsDoctype ? 'doctype' : 'text'
  }

  #readStartTag(): boolean {
    const { bytes, length } = this.window
    let at = this.#at
    let quote = this.#quote
    for (; at < length; at++) {
      const byte = bytes[at]
      if (quote === 0) {
        if (byte === GT) {
          this.#at = at + 1
          this.#emitStartTag(at + 1, bytes[at - 1] === SLASH, false)
          return true
        }
        if (byte === LT) return this.#breakTag(at)
        if (byte === QUOTE || byte === APOSTROPHE) {
          quote = byte
          this.#quoteStart = at
          this.#suspect = -1
        }
      } else if (byte === quote) {
        if (this.#suspect !== -1) {
          // `<` may not stand in a value. Either the vendor forgot to escape it, or the quote was never closed and
          // this one opens another value: then what follows is no end of a value.
          if (at + 1 === length && !this.#ended) break
          if (!endsValue(bytes[at + 1], at + 1 < length)) return this.#breakTag(this.#suspect)
          if (at - this.#quoteStart > MAX_SUSPECT_QUOTE_BYTES) return this.#breakTag(this.#suspect)
        }
        quote = 0
        this.#suspect = -1
      } else {
        if (byte === LT && this.#suspect === -1) this.#suspect = at
        if (this.#suspect !== -1 && at - this.#quoteStart > MAX_SUSPECT_QUOTE_BYTES) {
          return this.#breakTag(this.#suspect)
        }
      }
    }
    this.#at = at
    this.#quote = quote
    if (this.#ended && this.#suspect !== -1) return this.#breakTag(this.#suspect)
    return false
  }

  #breakTag(at: number): boolean {
    this.#at = at
    this.#emitStartTag(at, false, true)
    return true
  }

  #emitStartTag(end: number, isEmpty: boolean, isBroken: boolean): void {
    this.#state = 'text'
    this.#fillTag(this.#start + 1, end)
    this.#tag.isEmpty = isEmpty
    this.#tag.isBroken = isBroken
    this.#listener.onStartTag(this.#tag)
  }

  #readEndTag(): boolean {
    const { bytes } = this.window
    for (let at = this.#at; at < this.window.length; at++) {
      const byte = bytes[at]
      if (byte !== GT && byte !== LT) continue
      const end = byte === GT ? at + 1 : at // `</a <b>`: the tag lost its `>`
      this.#at = end
      this.#state = 'text'
      this.#fillTag(this.#start + 2, end)
      this.#listener.onEndTag(this.#tag)
      return true
    }
    this.#at = this.window.length
    return false
  }

  /** The one tag object is reused: two million allocations less in a file of 20,000 offers. */
  #fillTag(nameStart: number, end: number): void {
    const { bytes } = this.window
    let nameEnd = nameStart
    while (nameEnd < end && !endsName(bytes[nameEnd])) nameEnd++
    this.#tag.start = this.window.base + this.#start
    this.#tag.end = this.window.base + end
    this.#tag.nameStart = this.window.base + nameStart
    this.#tag.nameEnd = this.window.base + nameEnd
  }

  #readSection(kind: 'comment' | 'cdata' | 'pi'): boolean {
    const endless = this.#endless[kind]
    const offset = this.window.base + this.#at
    if (endless !== undefined && offset >= endless.from && offset < endless.to)
      this.#at = endless.to - this.window.base
    const behind = this.window.indexBehind(SECTION_END[kind], this.#at)
    if (behind === -1) {
      this.#at = this.window.earliest(SECTION_END[kind], this.#at)
      return false
    }
    this.#at = behind
    this.#state = 'text'
    this.#listener.onSection(kind, this.window.base + this.#start, this.window.base + this.#at)
    return true
  }

  #readDoctype(): boolean {
    const { at, isClosed } = this.#doctype.read(this.window, this.#at)
    this.#at = at
    if (!isClosed) return false
    this.#state = 'text'
    this.#listener.onSection('doctype', this.window.base + this.#start, this.window.base + this.#at)
    return true
  }

  #search(): boolean {
    const found = this.window.indexOfTag(this.#needles, this.#at)
    if (found === -1) {
      // The longest needle and the byte behind it may still be coming.
      const longest = Math.max(...this.#needles.map(({ length }) => length))
      this.#at = Math.max(this.#at, this.window.length - longest)
      return false
    }
    this.#at = found
    this.#state = 'text'
    return true
  }
}

/** Whether one of the names begins at `at`, as far as there are bytes to tell. */
const mayBegin = (names: readonly Uint8Array[], bytes: Uint8Array, at: number, length: number): boolean => {
  for (const name of names) {
    const end = Math.min(name.length, length - at)
    let index = 0
    while (index < end && bytes[at + index] === name[index]) index++
    if (index === end) return true
  }
  return false
}

/** Behind the `>` of a start tag without trouble: no `<` in it, whether quoted or not. */
const endOfStartTag = (bytes: Uint8Array, from: number, length: number): number | undefined => {
  let quote = 0
  for (let at = from; at < length; at++) {
    const byte = bytes[at]
    if (byte === LT) return undefined
    if (quote !== 0) {
      if (byte === quote) quote = 0
    } else if (byte === GT) return at + 1
    else if (byte === QUOTE || byte === APOSTROPHE) quote = byte
  }
  return undefined
}

const endOfEndTag = (bytes: Uint8Array, from: number, length: number): number | undefined => {
  for (let at = from; at < length; at++) {
    if (bytes[at] === GT) return at + 1
    if (bytes[at] === LT) return undefined
  }
  return undefined
}
