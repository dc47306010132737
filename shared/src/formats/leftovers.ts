import type { TSchema } from 'typebox'
import { isEmptyElement } from './convert.ts'
import { isObject, pointerStep, propertyOf, toNode, type SchemaNode } from './json-schema.ts'
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
  const found = walk(toNode(schema), record, [])
  return found.length === 0 ? undefined : Object.fromEntries(found)
}

type Entry = readonly [path: string, value: unknown]

const walk = (node: SchemaNode, value: unknown, path: readonly string[]): Entry[] => {
  if (Array.isArray(value)) {
    const { items } = node
    return items === undefined
      ? []
      : value.flatMap((item, index) => walk(items, item, [...path, String(index)]))
  }
  if (!isObject(value)) return []
  return Object.entries(value).flatMap(([name, inner]) => {
    const property = propertyOfAny(node, name)
    if (property !== undefined) return walk(property, inner, [...path, name])
    return isNoise(name, inner) ? [] : [entry([...path, name], inner)]
  })
}

const propertyOfAny = (node: SchemaNode, name: string): SchemaNode | undefined =>
  (node.anyOf ?? [node]).map((branch) => propertyOf(branch, name)).find((found) => found !== undefined)

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
