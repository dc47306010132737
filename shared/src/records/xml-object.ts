import { setOwn } from '../set-own.ts'
import type { XmlLayout } from './layout.ts'

/**
 * JSON of XML. An element is an object, or a string when it holds only text; `@name` is an attribute, `#text` the text
 * beside children or attributes; an element that repeats, or stands on a list path, is an array; an empty one is `''`.
 * Values stay strings, decoded and trimmed, nothing else. Names are local: vendors choose prefixes as they like, and
 * a record cut out of its file has lost the declarations anyway.
 */
export type XmlObject = { [name: string]: XmlValue }
export type XmlValue = string | XmlObject | XmlValue[]

/** A real offer is a dozen levels deep; thousands are an attack on whoever recurses over the result. */
export const MAX_DEPTH = 100
const TEXT = '#text'

/** An element whose end has not been read. */
export interface OpenElement {
  name: string
  lists: ListTree | undefined
  /** What was read of its own, children left out. */
  text: string
  /** And its attributes. */
  children: XmlObject | undefined
}

/** `lists` are those of the record; an element without a parent is the record. */
export const openElement = (
  name: string,
  parent: OpenElement | undefined,
  lists: ListTree | undefined
): OpenElement => {
  const { element } = nameOf(name)
  return {
    name: element,
    lists: parent === undefined ? lists : parent.lists?.children.get(element),
    text: '',
    children: undefined
  }
}

export const addAttribute = (element: OpenElement, name: string, value: string): void => {
  const { attribute } = nameOf(name)
  if (attribute !== undefined) setOwn((element.children ??= {}), attribute, value)
}

/** Adds an element that was closed, beside those of its name already there: the second makes an array. */
export const addElement = (parent: OpenElement, { name, lists }: OpenElement, value: XmlValue): void =>
  add((parent.children ??= {}), name, value, lists?.isList === true)

/** Takes back that an element was closed: more of it may come. */
export const reopenElement = (element: OpenElement, parent: OpenElement | undefined): void => {
  forget(parent?.children, element.name)
  forget(element.children, TEXT)
}

export const valueOf = ({ text, children }: OpenElement): string | XmlObject => {
  const trimmed = text.trim()
  if (children === undefined) return trimmed
  if (trimmed !== '') setOwn(children, TEXT, trimmed)
  return children
}

/** Of elements still open, the outermost first, only their attributes and complete children are known; their text is not. */
export const headOf = (open: readonly OpenElement[]): XmlObject | undefined => {
  let inner: XmlObject | undefined
  let innerName = ''
  for (const { name, children } of open.toReversed()) {
    const value = { ...children }
    if (inner !== undefined && Object.keys(inner).length > 0) add(value, innerName, inner, false)
    inner = value
    innerName = name
  }
  return inner
}

/** A record is always an object. */
export const asObject = (value: string | XmlObject): XmlObject =>
  typeof value === 'string' ? (value === '' ? {} : { [TEXT]: value }) : value

export const localName = (name: string): string => {
  const colon = name.indexOf(':')
  return colon === -1 ? name : name.slice(colon + 1)
}

/** What a name of the XML is in the JSON. */
interface Name {
  element: string
  /** `undefined`: it declares a prefix. */
  attribute: string | undefined
}

/** Names are few and come again and again, and by a text that it has met before V8 finds a property faster. */
const known = new Map<string, Name>()
const MAX_KNOWN = 1_000
const MAX_KNOWN_LENGTH = 60

const nameOf = (name: string): Name => known.get(name) ?? learn(name)

const learn = (name: string): Name => {
  const copy = Buffer.from(name).toString() // a part of a text would keep all of it in memory
  const local = localName(copy)
  const isDeclaration = name === 'xmlns' || name.startsWith('xmlns:')
  const learnt = { element: local, attribute: isDeclaration ? undefined : `@${local}` }
  if (name.length > MAX_KNOWN_LENGTH) return learnt
  if (known.size === MAX_KNOWN) known.clear()
  known.set(copy, learnt)
  return learnt
}

const add = (target: XmlObject, name: string, value: XmlValue, isList: boolean): void => {
  const present = Object.hasOwn(target, name) ? target[name] : undefined
  if (Array.isArray(present)) present.push(value)
  else if (present !== undefined) setOwn(target, name, [present, value])
  else setOwn(target, name, isList ? [value] : value)
}

const forget = (target: XmlObject | undefined, name: string): void => {
  const value = target?.[name]
  if (Array.isArray(value)) value.pop()
  else delete target?.[name]
}

/** The list paths of a selector as a tree, so that an element finds its place in one step. */
export interface ListTree {
  isList: boolean
  children: Map<string, ListTree>
}

const trees = new WeakMap<object, ListTree>()

export const treeOf = (lists: XmlLayout['lists']): ListTree => {
  const known = trees.get(lists)
  if (known !== undefined) return known
  const tree: ListTree = { isList: false, children: new Map() }
  for (const path of lists) {
    let node = tree
    for (const step of path) {
      const next: ListTree = node.children.get(step) ?? { isList: false, children: new Map() }
      node.children.set(step, next)
      node = next
    }
    node.isList = true
  }
  trees.set(lists, tree)
  return tree
}
