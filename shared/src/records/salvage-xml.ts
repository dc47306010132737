import { XMLParser } from 'fast-xml-parser'
import type { XmlLayout } from './layout.ts'
import { asObject, localName, MAX_DEPTH, type XmlObject, type XmlValue } from './xml-object.ts'
import { XmlTokenizer, type StartTag, type Tag } from './xml-tokenizer.ts'

/** Elements of HTML that have no end tag: `<br>` in a text is no unclosed element. */
const VOID = ['br', 'hr', 'img', 'wbr', 'BR', 'HR', 'IMG']
// oxlint-disable-next-line no-control-regex -- control characters are what it looks for
const CONTROL = /[\u0000-\u0008\u000b\u000c\u000e-\u001f]/g
/** A `<` that begins nothing. */
const STRAY_LT = /<(?![\p{L}_:/!?])/gu
const END_TAG = /^<\/[^\s>]+\s*>$/
/** A start tag whose attributes have quotes. */
const TAG = /^<[^\s/>]+(?:\s+[^\s="'<>]+\s*=\s*(?:"[^"]*"|'[^']*'))*\s*\/?>$/

/**
 * The JSON of a record that is not well-formed but whose tags all match, so that nobody can doubt which text belongs to
 * which field: a lone `&`, `&nbsp;`, `<br>`, a control character. Its shape is that of
 * `parseXmlRecord`. `undefined` when the tags do not match either: then anything it says may be wrong.
 */
export const salvageXml = (bytes: Buffer, { lists }: Pick<XmlLayout, 'lists'>): XmlObject | undefined => {
  if (!doTagsMatch(bytes)) return undefined
  const text = bytes.toString('utf8').replaceAll(CONTROL, '').replaceAll(STRAY_LT, '&lt;')
  try {
    const document: unknown = parserFor(lists).parse(text)
    const [record] = Object.values(document as Record<string, XmlValue>)
    const value = trimmed(record ?? '')
    return Array.isArray(value) ? undefined : asObject(value)
  } catch {
    return undefined
  }
}

/** Texts without blanks around, and none where there is nothing else between elements. */
const trimmed = (value: XmlValue): XmlValue => {
  if (typeof value === 'string') return value.trim()
  if (Array.isArray(value)) return value.map(trimmed)
  for (const [name, inner] of Object.entries(value)) {
    if (!name.startsWith('@')) value[name] = trimmed(inner)
  }
  if (value['#text'] === '') delete value['#text']
  return value
}

const parsers = new WeakMap<object, XMLParser>()

/** None of its defaults that read numbers into texts, and its guards set as high as a record can need. */
const parserFor = (lists: XmlLayout['lists']): XMLParser => {
  const known = parsers.get(lists)
  if (known !== undefined) return known
  const paths = new Set(lists.map((path) => path.join('.')))
  const parser = new XMLParser({
    ignoreAttributes: false,
    attributeNamePrefix: '@',
    removeNSPrefix: true,
    parseTagValue: false,
    parseAttributeValue: false,
    trimValues: false,
    ignoreDeclaration: true,
    ignorePiTags: true,
    htmlEntities: true,
    unpairedTags: VOID,
    maxNestedTags: MAX_DEPTH,
    processEntities: {
      enabled: true,
      maxTotalExpansions: 200_000,
      maxExpandedLength: 4_000_000,
      maxEntityCount: 0
    },
    jPath: true,
    isArray: (_name: string, path: unknown) => paths.has(String(path).split('.').slice(1).join('.'))
  })
  parsers.set(lists, parser)
  return parser
}

const doTagsMatch = (bytes: Buffer): boolean => {
  const open: string[] = []
  let roots = 0
  let isSound = true
  const nameOf = ({ nameStart, nameEnd }: Tag): string => tokenizer.window.text(nameStart, nameEnd)
  const tokenizer = new XmlTokenizer({
    wantsText: false,
    onText: () => undefined,
    onSection: (kind) => {
      if (kind === 'doctype') isSound = false
    },
    onPending: (start, end) => {
      if (start < end) isSound = false
      return false
    },
    onStartTag: (tag: StartTag) => {
      const name = nameOf(tag)
      if (tag.isBroken || open.length === MAX_DEPTH || !TAG.test(tokenizer.window.text(tag.start, tag.end)))
        isSound = false
      if (open.length === 0) roots += 1
      if (!tag.isEmpty && !VOID.includes(localName(name))) open.push(name)
    },
    onEndTag: (tag) => {
      const name = nameOf(tag)
      if (VOID.includes(localName(name)) && open.at(-1) !== name) return
      if (open.pop() !== name || !END_TAG.test(tokenizer.window.text(tag.start, tag.end))) isSound = false
    }
  })
  tokenizer.push(bytes)
  tokenizer.finish()
  return isSound && roots === 1 && open.length === 0
}
