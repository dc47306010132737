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
  if (isContainer(record)) collect(toNode(schema), record, [], found)
  return found.length === 0 ? undefined : Object.fromEntries(found)
}

type Entry = readonly [path: string, value: unknown]

const isContainer = (value: unknown): value is object => typeof value === 'object' && value !== null

/** `steps` lead to the container, in one list for all; a text that the schema knows needs none. */
const collect = (node: SchemaNode, container: object, steps: string[], found: Entry[]): void => {
  const go = (to: SchemaNode, value: unknown, step: string | number): void => {
    if (!isContainer(value)) return
    steps.push(String(step))
    collect(to, value, steps, found)
    steps.pop()
  }
  if (Array.isArray(container)) {
    const { items } = node
    if (items === undefined) return
    for (const [index, item] of container.entries()) go(items, item, index)
    return
  }
  const values = container as Record<string, unknown>
  for (const name of Object.keys(values)) {
    const property = propertyOfAny(node, name)
    if (property !== undefined) go(property, values[name], name)
    else if (!isNoise(name, values[name])) found.push(entry([...steps, name], values[name]))
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
