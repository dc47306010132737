import { type TSchema } from 'typebox'
import { Compile } from 'typebox/compile'
import { setOwn } from '../set-own.ts'
import { DECIMAL_PATTERN, toDecimal } from './decimal.ts'
import { isObject, propertyOf, toNode, type SchemaNode } from './json-schema.ts'

/**
 * Brings a record's scalars to the types of its schema, so that `"0"` from XML and `0` from JSON meet one schema.
 * Only what loses nothing is converted; everything else is left for the check to refuse. (TypeBox's own
 * `Value.Convert` makes 0 of `''`, `"null"` of null, 12 of `12.7` and a list of a single value.)
 */
export type Convert = (value: unknown) => unknown

export interface ConvertOptions {
  /** XML: an empty element says nothing, `xsi:nil` neither, and an element with attributes is still its text. */
  xml: boolean
}

const INTEGER = /^-?\d{1,15}(\.0{1,15})?$/
/** As many decimals as programs print of a double: -0.48123400000000004 is where a house stands. */
const DECIMAL = /^-?\d{1,15}(\.\d{1,60})?$/
/** A double tells apart every decimal of so many digits; of one with more it is only the nearest. */
const SURE_DIGITS = 15
const BOOLEANS: ReadonlyMap<unknown, boolean> = new Map<unknown, boolean>([
  [0, false],
  [1, true],
  ['0', false],
  ['1', true],
  ['false', false],
  ['true', true]
])

export const createConvert = (schema: TSchema, options: ConvertOptions = { xml: false }): Convert =>
  convertOf(toNode(schema), options)

const convertOf = (node: SchemaNode, options: ConvertOptions): Convert => {
  if (node.anyOf !== undefined) return oneOf(node.anyOf, options)
  switch (node.type) {
    case 'object':
      return objectOf(node, options)
    case 'array':
      return listOf(node.items ?? {}, options)
    case 'string':
      return scalar(node.pattern === DECIMAL_PATTERN ? (value) => shortened(toText(value)) : toText, options)
    case 'number':
      return scalar(toNumber(DECIMAL), options)
    case 'integer':
      return scalar(toNumber(INTEGER), options)
    case 'boolean':
      return scalar((value) => BOOLEANS.get(value) ?? value, options)
    default:
      return (value) => value
  }
}

/** An object or a list belongs to the one branch of its kind; of scalar branches the first that then fits is meant. */
const oneOf = (nodes: readonly SchemaNode[], options: ConvertOptions): Convert => {
  const branches = nodes.flatMap(alternatives).map((node) => ({
    type: node.type,
    convert: convertOf(node, options),
    validator: Compile(node as TSchema)
  }))
  return (given) => {
    const value = options.xml ? textOf(given) : given
    const kind = isObject(value) ? 'object' : Array.isArray(value) ? 'array' : undefined
    const own = branches.filter((branch) => branch.type === kind)
    if (kind !== undefined && own.length === 1) return own[0]?.convert(value)
    for (const { convert, validator } of branches) {
      const converted = convert(value)
      if (validator.Check(converted)) return converted
    }
    return value
  }
}

/** A union inside a union is one union. */
const alternatives = (node: SchemaNode): readonly SchemaNode[] => node.anyOf?.flatMap(alternatives) ?? [node]

const objectOf = (node: SchemaNode, options: ConvertOptions): Convert => {
  const known = new Map<string, Convert>(
    Object.entries(node.properties ?? {}).map(([name, property]) => [name, convertOf(property, options)])
  )
  const ofPattern = (name: string): Convert => {
    const property = propertyOf(node, name)
    return property === undefined ? (value) => value : convertOf(property, options)
  }
  return (value) => {
    if (!isObject(value)) return value
    const converted = {}
    for (const name of Object.keys(value)) {
      const inner = value[name]
      if (options.xml && isEmptyElement(inner)) continue
      setOwn(converted, name, (known.get(name) ?? ofPattern(name))(inner))
    }
    return converted
  }
}

const listOf = (items: SchemaNode, options: ConvertOptions): Convert => {
  const convert = convertOf(items, options)
  return (value) => {
    if (!Array.isArray(value)) return value
    return value.map((item: unknown) => convert(item))
  }
}

const scalar =
  (convert: Convert, options: ConvertOptions): Convert =>
  (value) =>
    convert(options.xml ? textOf(value) : value)

/** A number JavaScript does not hold exactly as it was written, or would print as `1e+21`, is left to be refused. */
const toText: Convert = (value) => {
  if (typeof value !== 'number' || !Number.isFinite(value)) return value
  if (Number.isInteger(value)) return Number.isSafeInteger(value) ? String(value) : value
  const text = String(value)
  return text.includes('e') || Number(value.toPrecision(SURE_DIGITS)) !== value ? value : text
}

/** What a serializer makes of a double that spells it with 17 digits where fewer say the same (older PHP does). */
const LONG_DOUBLE = /^\d{1,13}\.\d{7,17}$/
const DOUBLE_DIGITS = 17

/** `185000.10000000001` is how such a sender says 185000.1: the same double. Any other long fraction is left alone. */
const shortened: Convert = (value) => {
  if (typeof value !== 'string' || !LONG_DOUBLE.test(value)) return value
  const double = Number(value)
  return toDecimal(double.toPrecision(DOUBLE_DIGITS)) === toDecimal(value) ? toText(double) : value
}

const toNumber =
  (pattern: RegExp): Convert =>
  (value) =>
    typeof value === 'string' && pattern.test(value.trim()) ? Number(value) : value

/** `<beds/>`, blanks, and `<beds xsi:nil="true"/>` (the reader gives local names): there, but saying nothing. */
export const isEmptyElement = (value: unknown): boolean =>
  value === undefined ||
  (typeof value === 'string' && value.trim() === '') ||
  (isObject(value) && value['@nil'] === 'true')

/** The text of an element that also has attributes. */
const textOf = (value: unknown): unknown => {
  if (!isObject(value)) return value
  const isText = Object.keys(value).every((name) => name === '#text' || name.startsWith('@'))
  return isText ? (value['#text'] ?? value) : value
}
