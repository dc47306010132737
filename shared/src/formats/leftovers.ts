import type { TSchema } from 'typebox'
import { isEmptyElement } from './convert.ts'
import { pointerStep, propertyOf, toNode, type SchemaNode } from './json-schema.ts'
import { wrong } from './record-parser.ts'

/** What the unit `extras` takes as a name. */
const NAME = /^.{1,120}$/
/** XML's own machinery, and text the schema's element has been read as. */
const NOISE: ReadonlySet<string> = new Set(['#text', '@nil', '@schemaLocation', '@noNamespaceSchemaLocation'])

/**
 * What an XML record says beyond the schema of its format, by path (`surface_area/terrace`), for the unit `extras`:
 * a dialect loses nothing. `undefined` when nothing is left.
 * @throws RecordError `RECORD_INVALID` when an element's path is longer than 120 characters.
 */
export const leftoversOf = (schema: TSchema, record: unknown): Record<string, unknown> | undefined => {
  const found: Entry[] = []
  collect({ node: toNode(schema), value: record, steps: [] }, found)
  return found.length === 0 ? undefined : Object.fromEntries(found)
}

type Entry = readonly [path: string, value: unknown]

/** A value of the record, what the schema says of it, and where it is: the steps to it, in one list for all. */
interface Place {
  node: SchemaNode
  value: unknown
  steps: string[]
}

const collect = ({ node, value, steps }: Place, found: Entry[]): void => {
  if (typeof value !== 'object' || value === null) return
  const { items } = node
  if (Array.isArray(value)) {
    if (items === undefined) return
    for (const [index, item] of value.entries()) {
      steps.push(String(index))
      collect({ node: items, value: item, steps }, found)
      steps.pop()
    }
    return
  }
  for (const [name, inner] of Object.entries(value)) {
    steps.push(name)
    const property = propertyOfAny(node, name)
    if (property !== undefined) collect({ node: property, value: inner, steps }, found)
    else if (!isNoise(name, inner)) found.push(entry(steps, inner))
    steps.pop()
  }
}

const propertyOfAny = (node: SchemaNode, name: string): SchemaNode | undefined => {
  if (node.anyOf === undefined) return propertyOf(node, name)
  for (const branch of node.anyOf) {
    const property = propertyOf(branch, name)
    if (property !== undefined) return property
  }
  return undefined
}

const isNoise = (name: string, value: unknown): boolean => NOISE.has(name) || isEmptyElement(value)

const entry = (path: readonly string[], value: unknown): Entry => {
  const name = path.join('/')
  if (!NAME.test(name)) {
    throw wrong(
      path.map(pointerStep).join(''),
      'its path is longer than 120 characters, or broken by a line end'
    )
  }
  return [name, value]
}
