import type { TSchema } from 'typebox'
import { Value } from 'typebox/value'
import { branchesFor, describe, isObject, pointerStep, propertyOf, type SchemaNode } from './json-schema.ts'

/** One thing a vendor has to put right. The text names the place and what belongs there, and never quotes a value. */
export interface Problem {
  code: 'RECORD_INCOMPLETE' | 'RECORD_INVALID'
  /** JSON pointer. */
  path: string
  text: string
}

/**
 * Why a value does not fit its schema: what is missing first, then what is wrong, in the record's own order. Of a union
 * only the branch the value was meant for is explained (a checker's own list holds the errors of every branch).
 */
export const problemsOf = (node: SchemaNode, value: unknown, path = ''): Problem[] => {
  const [branch, ...others] = branchesFor(node, value)
  // A whole with one possible branch is not checked first: its parts are, and a check would look at them twice.
  const isPlain = (branch?.type === 'object' || branch?.items !== undefined) && others.length === 0
  if (!isPlain && Value.Check(node as TSchema, value)) return []
  if (branch?.type === 'object' && isObject(value)) return ofObject(branch, value, path)
  if (branch?.items !== undefined && Array.isArray(value)) return ofList(branch, branch.items, value, path)
  return [isWrong(node, path)]
}

const ofObject = (node: SchemaNode, value: Record<string, unknown>, path: string): Problem[] => {
  if (node.maxProperties !== undefined && Object.keys(value).length > node.maxProperties) {
    return [{ code: 'RECORD_INVALID', path, text: `${path} is wrong: at most ${node.maxProperties} fields` }]
  }
  const lacking = (node.required ?? []).filter((name) => !Object.hasOwn(value, name))
  const inside = Object.entries(value).flatMap(([name, inner]) => {
    const at = path + pointerStep(name)
    const property = propertyOf(node, name)
    if (property !== undefined) return problemsOf(property, inner, at)
    return node.additionalProperties === false ? [isUnknown(node, at)] : []
  })
  return [...lacking.map((name) => isMissing(propertyOf(node, name), path + pointerStep(name))), ...inside]
}

const ofList = (node: SchemaNode, items: SchemaNode, value: readonly unknown[], path: string): Problem[] => {
  // Looked at first: half a million wrong items would be explained for seconds.
  if (node.maxItems !== undefined && value.length > node.maxItems) {
    return [{ code: 'RECORD_INVALID', path, text: `${path} is wrong: at most ${node.maxItems} items` }]
  }
  return value.flatMap((item, index) => problemsOf(items, item, path + pointerStep(index)))
}

const isMissing = (node: SchemaNode | undefined, path: string): Problem => {
  const what = node && describe(node)
  return {
    code: 'RECORD_INCOMPLETE',
    path,
    text: what === undefined ? `${path} is missing` : `${path} is missing: ${what}`
  }
}

/** Where names are free within a pattern, the description of the whole says which. */
const isUnknown = (node: SchemaNode, path: string): Problem => {
  const names = node.patternProperties === undefined ? undefined : describe(node)
  const text = `${path} is not a field of this format`
  return { code: 'RECORD_INVALID', path, text: names === undefined ? text : `${text}: expected ${names}` }
}

const isWrong = (node: SchemaNode, path: string): Problem => ({
  code: 'RECORD_INVALID',
  path,
  text: `${path || 'the record'} is wrong: expected ${describe(node) ?? kindOf(node) ?? 'something else'}`
})

/** What a place without a description holds, as far as its type says; the null of a union says nothing. */
const kindOf = ({ type, anyOf = [] }: SchemaNode): string | undefined =>
  type === undefined ? anyOf.map(kindOf).find((kind) => kind !== undefined) : KINDS[type]

const KINDS: Readonly<Record<string, string>> = {
  object: 'an object',
  array: 'a list',
  string: 'text',
  integer: 'a whole number',
  number: 'a number',
  boolean: 'true or false'
}
