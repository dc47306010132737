import type { Static, TSchema } from 'typebox'
import { Compile } from 'typebox/compile'
import { MAX_RECORD_DEPTH } from '../envelope.ts'
import { RecordError } from '../errors.ts'
import { createConvert, type ConvertOptions } from './convert.ts'
import { pointerStep, toNode, type SchemaNode } from './json-schema.ts'
import { problemsOf } from './problems.ts'

/** A rejection names this many problems; a vendor fixes them together. */
const MAX_PROBLEMS = 5

/**
 * A function that reads a record as its schema says: sound, converted, checked. Build it once, at module level.
 * The result has the schema's type, and the schema's generics end here (`Format` does not carry them).
 * @throws RecordError `RECORD_INCOMPLETE` when something required is missing, `RECORD_INVALID` when something is wrong;
 *   `path` is the JSON pointer of the first, the message names up to five and never quotes a value.
 */
export const createRecordParser = <S extends TSchema>(
  schema: S,
  options?: ConvertOptions
): ((record: unknown) => Static<S>) => {
  const convert = createConvert(schema, options)
  const validator = Compile(schema)
  return (record) => {
    assertSound(record)
    const value = convert(record)
    if (validator.Check(value)) return value
    throw toRecordError(toNode(schema), value)
  }
}

/** What a mapping throws when the schema alone could not see that something is missing. */
export const missing = (path: string, what: string): RecordError =>
  new RecordError('RECORD_INCOMPLETE', `${path} is missing: ${what}`, { path })

/** What a mapping throws when the schema alone could not see that something is wrong. */
export const wrong = (path: string, what: string): RecordError =>
  new RecordError('RECORD_INVALID', `${path || 'the record'} is wrong: ${what}`, { path })

/**
 * Refuses what no later step can hold: nesting beyond reason, text that Postgres' JSON cannot store (NUL
 * and half a surrogate pair), and the one name that an assignment would not take as a name.
 * @throws RecordError `RECORD_INVALID`
 */
export const assertSound = (record: unknown): void => {
  const open: Container[] = []
  const look = (value: unknown, name: string | number | undefined, within: Container | undefined): void => {
    if (typeof value === 'string') {
      if (!isStorable(value)) throw wrong(pathOf(name, within), 'it contains a NUL or half a character')
    } else if (typeof value === 'object' && value !== null) {
      open.push({ value, name, within, depth: within === undefined ? 0 : within.depth + 1 })
    }
  }
  look(record, undefined, undefined)
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { value, name, within, depth } = next
    if (depth === MAX_RECORD_DEPTH) {
      throw wrong(pathOf(name, within), `it is nested deeper than ${MAX_RECORD_DEPTH} levels`)
    }
    if (Array.isArray(value)) {
      for (const [index, inner] of value.entries()) look(inner, index, next)
      continue
    }
    const fields = value as Record<string, unknown>
    for (const step of Object.keys(fields)) {
      if (!isStorable(step))
        throw wrong(pathOf(name, within), 'a name in it contains a NUL or half a character')
      if (step === '__proto__') throw wrong(pathOf(step, next), 'no field may have this name')
      look(fields[step], step, next)
    }
  }
}

/** An object or list still to be looked into; where it is, is only written out when something is wrong with it. */
interface Container {
  value: object
  name: string | number | undefined
  within: Container | undefined
  depth: number
}

const pathOf = (name: string | number | undefined, within: Container | undefined): string =>
  name === undefined ? '' : pathOf(within?.name, within?.within) + pointerStep(name)

const isStorable = (text: string): boolean => !text.includes('\u0000') && text.isWellFormed()

const toRecordError = (schema: SchemaNode, value: unknown): RecordError => {
  const problems = problemsOf(schema, value)
  const [first] = problems
  if (first === undefined) return wrong('', 'it does not fit the format')
  const text = problems
    .slice(0, MAX_PROBLEMS)
    .map((problem) => problem.text)
    .join('; ')
  return new RecordError(first.code, text, { path: first.path })
}
