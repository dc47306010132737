/** The part of JSON Schema our record schemas use; every TypeBox schema is one. */
export interface SchemaNode {
  type?: string
  description?: string
  pattern?: string
  enum?: readonly unknown[]
  required?: readonly string[]
  properties?: Readonly<Record<string, SchemaNode>>
  patternProperties?: Readonly<Record<string, SchemaNode>>
  additionalProperties?: unknown
  items?: SchemaNode
  maxItems?: number
  maxProperties?: number
  anyOf?: readonly SchemaNode[]
}

/** Erases the type: from here on a schema is read as data. */
export const toNode = (schema: object): SchemaNode => schema

/** The schema of a property; `undefined` when the object does not know it. */
export const propertyOf = (node: SchemaNode, name: string): SchemaNode | undefined => {
  if (node.properties !== undefined && Object.hasOwn(node.properties, name)) return node.properties[name]
  if (node.patternProperties === undefined) return undefined
  return Object.entries(node.patternProperties).find(([pattern]) => compiled(pattern).test(name))?.[1]
}

const patterns = new Map<string, RegExp>()

/** Patterns come from our own schemas, so there are few of them. */
const compiled = (pattern: string): RegExp => {
  const known = patterns.get(pattern)
  if (known !== undefined) return known
  const fresh = new RegExp(pattern, 'u')
  patterns.set(pattern, fresh)
  return fresh
}

/** The branches of a union that a value may be meant for, told by its kind; unions inside unions are one. */
export const branchesFor = (node: SchemaNode, value: unknown): readonly SchemaNode[] => {
  if (node.anyOf !== undefined) return node.anyOf.flatMap((branch) => branchesFor(branch, value))
  const kind = isObject(value) ? 'object' : Array.isArray(value) ? 'array' : undefined
  return kind === undefined || node.type === undefined || node.type === kind ? [node] : []
}

/** What a place holds, in words: its own description, or that of its first alternative. */
export const describe = (node: SchemaNode): string | undefined =>
  node.description ?? node.anyOf?.map(describe).find((text) => text !== undefined)

const MAX_STEP = 120

/** One step of a JSON pointer (RFC 6901); a name nobody meant to be one is cut, it may be as long as the record. */
export const pointerStep = (name: string | number): string => {
  const text = String(name)
  const shown = text.length > MAX_STEP ? `${text.slice(0, MAX_STEP).toWellFormed()}…` : text
  return `/${shown.replaceAll('~', '~0').replaceAll('/', '~1')}`
}

export const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
