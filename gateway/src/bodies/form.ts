import { MAX_RECORD_DEPTH } from '@sluice/shared/envelope'
import { Refusal } from '../errors.ts'
import { MAX_FIELDS } from '../limits.ts'
import { decoderOf } from './charset.ts'

/** A form as JSON: text, lists and groups. */
export type FormObject = { [name: string]: FormValue }
type FormValue = string | FormValue[] | FormObject

type Node = { values: string[] } | Group
interface Group {
  members: Map<string, Node>
  /** The number `[]` stands for next. */
  next: number
}

const AMPERSAND = 0x26
const EQUALS = 0x3d
const PERCENT = 0x25
const PLUS = 0x2b
const SPACE = 0x20

/**
 * The fields of `application/x-www-form-urlencoded` (https://url.spec.whatwg.org/#urlencoded-parsing), and the groups
 * brackets make of them, as PHP and Bitrix24 write it: `data[FIELDS][ID]=7` is `{"data":{"FIELDS":{"ID":"7"}}}`, and
 * `a[]` or `a[0]`, `a[1]` … a list. A field sent twice is a list as well. Values are text, as they came.
 * @throws Refusal BODY_MALFORMED, VALUES_TOO_MANY or RECORD_TOO_DEEP
 */
export const readForm = (bytes: Buffer, charset = 'utf-8'): FormObject => {
  const decode = decoderOf(charset)
  const root: Group = { members: new Map(), next: 0 }
  let fields = 0
  for (let at = skipAmpersands(bytes, 0); at < bytes.length;) {
    const ampersand = bytes.indexOf(AMPERSAND, at)
    const end = ampersand === -1 ? bytes.length : ampersand
    const pair = bytes.subarray(at, end)
    const equals = pair.indexOf(EQUALS)
    const steps = stepsOf(decode(unescaped(equals === -1 ? pair : pair.subarray(0, equals))))
    fields += steps.length
    if (fields > MAX_FIELDS) {
      throw new Refusal('VALUES_TOO_MANY', `The form holds more than ${MAX_FIELDS} fields and groups.`)
    }
    put(root, steps, equals === -1 ? '' : decode(unescaped(pair.subarray(equals + 1))))
    at = skipAmpersands(bytes, end)
  }
  return toObject([...root.members].map(([name, inner]) => [name, toValue(inner)]))
}

const skipAmpersands = (bytes: Buffer, from: number): number => {
  let at = from
  while (bytes[at] === AMPERSAND) at++
  return at
}

/** `%41` and `+`; a `%` that begins no byte stays what it is, as in every browser. */
const unescaped = (bytes: Buffer): Buffer => {
  if (!bytes.includes(PERCENT) && !bytes.includes(PLUS)) return bytes
  const plain = Buffer.allocUnsafe(bytes.length)
  let length = 0
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at] as number
    const high = byte === PERCENT ? hexDigit(bytes[at + 1]) : -1
    const low = high === -1 ? -1 : hexDigit(bytes[at + 2])
    if (low !== -1) {
      plain[length++] = high * 16 + low
      at += 2
    } else {
      plain[length++] = byte === PLUS ? SPACE : byte
    }
  }
  return plain.subarray(0, length)
}

const hexDigit = (byte: number | undefined): number => {
  if (byte === undefined) return -1
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30
  const letter = byte | 0x20
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1
}

/** `data[FIELDS][ID]` → data, FIELDS, ID. A name whose brackets do not pair up is one name, brackets and all. */
const stepsOf = (name: string): string[] => {
  const open = name.indexOf('[')
  if (open <= 0 || !name.endsWith(']')) return [name]
  const groups = name.slice(open + 1, -1).split('][', MAX_RECORD_DEPTH)
  if (groups.some((group) => group.includes('[') || group.includes(']'))) return [name]
  if (groups.length >= MAX_RECORD_DEPTH) {
    throw new Refusal(
      'RECORD_TOO_DEEP',
      `A field of the form is nested deeper than ${MAX_RECORD_DEPTH} levels.`
    )
  }
  return [name.slice(0, open), ...groups]
}

const put = (root: Group, steps: readonly string[], value: string): void => {
  let group = root
  for (const [index, step] of steps.entries()) {
    const name = index > 0 && step === '' ? String(group.next) : step
    if (isPosition(name)) group.next = Math.max(group.next, Number(name) + 1)
    const known = group.members.get(name)
    if (index === steps.length - 1) {
      if (known === undefined) group.members.set(name, { values: [value] })
      else if ('values' in known) known.values.push(value)
      else throw bothValueAndGroup()
    } else if (known === undefined) {
      const inner: Group = { members: new Map(), next: 0 }
      group.members.set(name, inner)
      group = inner
    } else if ('values' in known) {
      throw bothValueAndGroup()
    } else {
      group = known
    }
  }
}

const isPosition = (name: string): boolean => /^(?:0|[1-9]\d{0,8})$/.test(name)

const bothValueAndGroup = (): Refusal =>
  new Refusal('BODY_MALFORMED', 'A field of the form is sent both as a value and as a group with brackets.')

/** The names of a list are its positions, every one of them. */
const toValue = (node: Node): FormValue => {
  if ('values' in node) {
    const [first = '', ...more] = node.values
    return more.length === 0 ? first : node.values
  }
  const members = [...node.members].map(([name, inner]) => [name, toValue(inner)] as const)
  const isList = node.next === members.length && members.every(([name]) => isPosition(name))
  if (!isList) return toObject(members)
  return members.toSorted(([a], [b]) => Number(a) - Number(b)).map(([, inner]) => inner)
}

/** fromEntries defines properties, so a field named __proto__ stays a field. */
const toObject = (members: readonly (readonly [string, FormValue])[]): FormObject =>
  Object.fromEntries(members)
