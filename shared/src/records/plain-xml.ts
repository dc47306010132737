import {
  addAttribute,
  addElement,
  MAX_DEPTH,
  openElement,
  valueOf,
  type ListTree,
  type OpenElement,
  type XmlObject
} from './xml-object.ts'

/**
 * The value of a record that is plain, as almost all are: elements and attributes under names of ASCII, texts, CDATA, the
 * five entities of XML and numbers of characters, nothing else. `undefined` is no verdict: the record may be sound or
 * not, and saxes decides. What this reads, saxes reads the same; what saxes refuses, this does not read.
 *
 * @param xml decoded from valid UTF-8
 */
export const readPlainXml = (xml: string, lists: ListTree | undefined): string | XmlObject | undefined => {
  if (FORBIDDEN.test(xml)) return undefined
  const reader = new PlainReader(xml.includes('\r') ? xml.replaceAll(/\r\n?/g, '\n') : xml)
  const record = reader.element(undefined, lists, 1)
  return record === undefined || !reader.isAtEnd ? undefined : valueOf(record)
}

/** Characters that XML does not have. */
// oxlint-disable-next-line no-control-regex -- control characters are what it looks for
const FORBIDDEN = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/
const CDATA = '<![CDATA['
const CDATA_END = ']]>'
const [TAB, NEWLINE, RETURN, SPACE] = [0x09, 0x0a, 0x0d, 0x20]
const [LT, GT, SLASH, BANG, EQUALS, QUOTE, APOSTROPHE] = [0x3c, 0x3e, 0x2f, 0x21, 0x3d, 0x22, 0x27]

/** Searches for whatever can be searched for. Its methods give `undefined` or `false` where something is not plain. */
class PlainReader {
  readonly #text: string
  readonly #holdsCdataEnd: boolean
  #at = 0

  constructor(text: string) {
    this.#text = text
    this.#holdsCdataEnd = text.includes(CDATA_END)
  }

  get isAtEnd(): boolean {
    return this.#at === this.#text.length
  }

  /** The element that begins here, when it has ended. */
  element(
    parent: OpenElement | undefined,
    lists: ListTree | undefined,
    depth: number
  ): OpenElement | undefined {
    const tag = depth <= MAX_DEPTH && this.#skip(LT) ? this.#name() : undefined
    if (tag === undefined) return undefined
    const element = openElement(tag, parent, lists)
    if (this.#text.charCodeAt(this.#at) !== GT && !this.#attributes(element)) return undefined
    if (this.#skip(SLASH)) return this.#skip(GT) ? element : undefined
    this.#at++
    for (;;) {
      if (!this.#textInto(element)) return undefined
      const next = this.#text.charCodeAt(this.#at + 1)
      if (next === SLASH) return this.#endTag(tag) ? element : undefined
      if (next === BANG) {
        if (!this.#cdataInto(element)) return undefined
      } else {
        const child = this.element(element, lists, depth + 1)
        if (child === undefined) return undefined
        addElement(element, child, valueOf(child))
      }
    }
  }

  /** Up to the `>` or `/` behind them. */
  #attributes(element: OpenElement): boolean {
    const names = new Set<string>()
    for (;;) {
      const isApart = this.#skipSpace()
      const next = this.#text.charCodeAt(this.#at)
      if (next === GT || next === SLASH) return true
      const name = isApart ? this.#name() : undefined
      if (name === undefined || names.has(name)) return false
      names.add(name)
      this.#skipSpace()
      if (!this.#skip(EQUALS)) return false
      this.#skipSpace()
      const value = this.#attributeValue()
      if (value === undefined) return false
      addAttribute(element, name, value)
    }
  }

  #attributeValue(): string | undefined {
    const quote = this.#text.charCodeAt(this.#at)
    if (quote !== QUOTE && quote !== APOSTROPHE) return undefined
    const raw = this.#upTo(quote === QUOTE ? '"' : "'", this.#at + 1)
    if (raw === undefined || /[<\t\n]/.test(raw)) return undefined
    this.#at++
    return decode(raw)
  }

  /** The text up to the next `<`. */
  #textInto(element: OpenElement): boolean {
    if (element.text === '') this.#skipSpace() // it would be trimmed
    const raw = this.#upTo('<', this.#at)
    if (raw === undefined || (this.#holdsCdataEnd && raw.includes(CDATA_END))) return false
    const text = decode(raw)
    if (text === undefined) return false
    element.text += text
    return true
  }

  #cdataInto(element: OpenElement): boolean {
    if (!this.#text.startsWith(CDATA, this.#at)) return false
    const text = this.#upTo(CDATA_END, this.#at + CDATA.length)
    if (text === undefined) return false
    this.#at += CDATA_END.length
    element.text += text
    return true
  }

  #endTag(name: string): boolean {
    this.#at += 2
    if (!this.#text.startsWith(name, this.#at)) return false
    this.#at += name.length
    this.#skipSpace()
    return this.#skip(GT)
  }

  #name(): string | undefined {
    const from = this.#at
    let at = from
    if (NAMES[this.#text.charCodeAt(at)] !== FIRST) return undefined
    do at++
    while ((NAMES[this.#text.charCodeAt(at)] ?? NEVER) !== NEVER)
    this.#at = at
    return this.#text.slice(from, at)
  }

  /** What stands between `from` and the next `mark`, in front of which reading goes on. */
  #upTo(mark: string, from: number): string | undefined {
    const end = this.#text.indexOf(mark, from)
    if (end === -1) return undefined
    this.#at = end
    return this.#text.slice(from, end)
  }

  #skip(code: number): boolean {
    if (this.#text.charCodeAt(this.#at) !== code) return false
    this.#at++
    return true
  }

  /** Whether there was any. */
  #skipSpace(): boolean {
    const from = this.#at
    let next = this.#text.charCodeAt(from)
    while (next === SPACE || next === NEWLINE || next === TAB) next = this.#text.charCodeAt(++this.#at)
    return this.#at > from
  }
}

const [NEVER, FIRST, LATER] = [0, 1, 2]
/** Where in a name a character of ASCII may stand. */
const NAMES = Uint8Array.from({ length: 128 }, (_, code) => {
  const char = String.fromCharCode(code)
  return /[A-Za-z_:]/.test(char) ? FIRST : /[\d.-]/.test(char) ? LATER : NEVER
})

const decode = (raw: string): string | undefined => {
  let decoded = ''
  let from = 0
  for (let at = raw.indexOf('&'); at !== -1; at = raw.indexOf('&', from)) {
    const end = raw.indexOf(';', at)
    const char = end === -1 ? undefined : characterOf(raw.slice(at + 1, end))
    if (char === undefined) return undefined
    decoded += raw.slice(from, at) + char
    from = end + 1
  }
  return from === 0 ? raw : decoded + raw.slice(from)
}

const ENTITIES = new Map([
  ['amp', '&'],
  ['lt', '<'],
  ['gt', '>'],
  ['quot', '"'],
  ['apos', "'"]
])

const characterOf = (reference: string): string | undefined => {
  const entity = ENTITIES.get(reference)
  if (entity !== undefined) return entity
  const [, hex, decimal] = /^#(?:x([\da-fA-F]+)|(\d+))$/.exec(reference) ?? []
  const code = hex === undefined ? Number.parseInt(decimal ?? '', 10) : Number.parseInt(hex, 16)
  return isCharacter(code) ? String.fromCodePoint(code) : undefined
}

/** https://www.w3.org/TR/xml/#NT-Char */
const isCharacter = (code: number): boolean =>
  [TAB, NEWLINE, RETURN].includes(code) ||
  (code >= SPACE && code <= 0xd7ff) ||
  (code >= 0xe000 && code <= 0xfffd) ||
  (code >= 0x10000 && code <= 0x10ffff)
