import { SaxesParser } from 'saxes'
import { RecordError } from '../errors.ts'
import type { XmlLayout } from './layout.ts'
import { readPlainXml } from './plain-xml.ts'
import { demandUtf8 } from './utf8.ts'
import {
  addAttribute,
  addElement,
  asObject,
  headOf,
  MAX_DEPTH,
  openElement,
  reopenElement,
  treeOf,
  valueOf,
  type ListTree,
  type OpenElement,
  type XmlObject
} from './xml-object.ts'

/**
 * The JSON of one record's bytes: always an object for the record itself.
 * @throws RecordError `RECORD_NOT_UTF8`, `RECORD_TOO_DEEP` or `RECORD_NOT_WELL_FORMED` saying what and where.
 */
export const parseXmlRecord = (bytes: Buffer, selector: Pick<XmlLayout, 'lists'>): XmlObject => {
  demandUtf8(bytes)
  const text = bytes.toString('utf8')
  const lists = treeOf(selector.lists)
  return asObject(readPlainXml(text, lists) ?? parse(text, lists).value)
}

/**
 * The elements and attributes of a record that ended before what makes it unsound, in the same JSON; `undefined` when
 * there are none. An element that was still open is left out, and so is one that may go on.
 */
export const parseXmlHead = (bytes: Buffer, selector: Pick<XmlLayout, 'lists'>): XmlObject | undefined => {
  const trace: Trace = { open: [], reopen: undefined }
  try {
    const [sound = ''] = bytes.toString('utf8').split('\ufffd', 1) // a byte that is not UTF-8 may be anything
    parse(sound, treeOf(selector.lists), UNLIMITED, trace)
  } catch (thrown) {
    if (!(thrown instanceof RecordError)) throw thrown
    // saxes has closed an element by another's end tag when it says so.
    if (thrown.message.includes('unexpected close tag')) trace.reopen?.()
  }
  return headOf(trace.open)
}

/** A whole document small enough to be held in memory. */
export interface XmlDocument {
  /** Local name of the root element. */
  root: string
  value: XmlObject
}

/** Elements and attributes, in all and of one element. */
interface XmlLimits {
  maxValues: number
  maxMembers: number
}

const UNLIMITED: XmlLimits = { maxValues: Number.POSITIVE_INFINITY, maxMembers: Number.POSITIVE_INFINITY }

/**
 * The JSON of a document already decoded, for whoever has it as one text; list paths begin below the root.
 * @throws RecordError `RECORD_TOO_MANY_VALUES` as soon as a limit is passed, `RECORD_TOO_DEEP` or
 *   `RECORD_NOT_WELL_FORMED`.
 */
export const parseXmlDocument = (
  text: string,
  { lists, ...limits }: Pick<XmlLayout, 'lists'> & XmlLimits
): XmlDocument => {
  const { root, value } = parse(text, treeOf(lists), limits)
  return { root, value: asObject(value) }
}

/** The attribute `name` of a start tag given with its angle brackets; `undefined` when absent or unreadable. */
export const attributeOf = (startTag: string, name: string): string | undefined => {
  const element = startTag.endsWith('/>') ? startTag : `${startTag.slice(0, -1)}/>`
  try {
    const { value } = parse(element, undefined)
    return typeof value === 'string' ? undefined : stringOrUndefined(value[`@${name}`])
  } catch {
    return undefined
  }
}

const stringOrUndefined = (value: unknown): string | undefined =>
  typeof value === 'string' ? value : undefined

/** Where parsing has come to, for whoever wants to know when it fails. */
interface Trace {
  open: Frame[]
  /** Takes back that the last element was closed. */
  reopen: (() => void) | undefined
}

interface Frame extends OpenElement {
  /** Elements in it. */
  members: number
}

interface Parsed {
  root: string
  value: string | XmlObject
}

const parse = (
  text: string,
  lists: ListTree | undefined,
  { maxValues, maxMembers }: XmlLimits = UNLIMITED,
  trace?: Trace
): Parsed => {
  const stack = trace?.open ?? []
  const parser = new SaxesParser({ xmlns: false, position: false })
  let root: Parsed = { root: '', value: '' }
  let values = 0
  let attributes = 0
  const count = (members: number): void => {
    if (++values > maxValues) throw tooMany(`There are more than ${maxValues} elements and attributes`)
    if (members > maxMembers) throw tooMany(`An element has more than ${maxMembers} elements or attributes`)
  }

  parser.on('error', (error) => {
    throw notWellFormed(error, parser.position)
  })
  // Counted while they are read: a hundred thousand attributes fit in one tag.
  parser.on('attribute', () => count(++attributes))
  parser.on('opentag', (tag) => {
    attributes = 0
    if (stack.length === MAX_DEPTH) {
      throw new RecordError('RECORD_TOO_DEEP', `The record is nested deeper than ${MAX_DEPTH} levels`)
    }
    const parent = stack.at(-1)
    count(parent === undefined ? 1 : ++parent.members)
    const frame: Frame = { ...openElement(tag.name, parent, lists), members: 0 }
    for (const attribute in tag.attributes) addAttribute(frame, attribute, tag.attributes[attribute] ?? '')
    stack.push(frame)
  })
  const onText = (piece: string): void => {
    const frame = stack.at(-1)
    if (frame !== undefined) frame.text += piece
  }
  parser.on('text', onText)
  parser.on('cdata', onText)
  parser.on('closetag', () => {
    const frame = stack.pop()
    if (frame === undefined) return
    const value = valueOf(frame)
    const parent = stack.at(-1)
    if (parent === undefined) root = { root: frame.name, value }
    else addElement(parent, frame, value)
    if (trace !== undefined) {
      trace.reopen = () => {
        reopenElement(frame, parent)
        stack.push(frame)
      }
    }
  })
  parser.write(text).close()
  return root
}

const tooMany = (what: string): RecordError => new RecordError('RECORD_TOO_MANY_VALUES', what)

/** `position`: how many characters of the record had been read. */
const notWellFormed = (error: Error, position: number): RecordError =>
  new RecordError(
    'RECORD_NOT_WELL_FORMED',
    `The record is not well-formed XML near its character ${position}: ${error.message}`,
    { cause: error }
  )
