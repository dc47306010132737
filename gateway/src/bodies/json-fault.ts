/** Where a text stops being JSON. */
export interface JsonFault {
  /** In characters, counted from 0; the length of the text when it ends too early. */
  offset: number
  /** As a person counts, from 1. */
  line: number
  column: number
  what: string
}

const SPACE = /[ \t\n\r]*/y
const SCALAR = /true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y
const HEX4 = /[0-9a-fA-F]{4}/y

/**
 * The place of the first fault in a text that `JSON.parse` refused (RFC 8259). The engine's own message names it only
 * for some faults, and quotes the text, which may not go into a log. Not on the hot path.
 */
export const findJsonFault = (text: string): JsonFault | undefined => {
  const offset = firstFault(text)
  if (offset === undefined) return undefined
  return placeOf(text, offset, offset >= text.length ? 'it ends too early' : 'unexpected character')
}

const NEWLINE = 0x0a

/** An offset as a person counts. */
export const placeOf = (text: string, offset: number, what: string): JsonFault => {
  let line = 1
  let lineStart = 0
  for (let at = 0; at < offset; at++) {
    if (text.charCodeAt(at) !== NEWLINE) continue
    line++
    lineStart = at + 1
  }
  return { offset, line, column: offset - lineStart + 1, what }
}

type Expected = 'value' | 'first item' | 'first key' | 'key' | 'colon' | 'more'

const firstFault = (text: string): number | undefined => {
  const open: ('{' | '[')[] = []
  let expected: Expected = 'value'
  let at = 0
  for (;;) {
    at = matchEnd(SPACE, text, at) ?? at
    const char = text[at]
    if (expected === 'more' && open.length === 0) return char === undefined ? undefined : at
    if (char === undefined) return at
    const inside = open.at(-1)

    if (expected === 'colon') {
      if (char !== ':') return at
      expected = 'value'
      at++
    } else if (expected === 'more' && char === ',') {
      expected = inside === '{' ? 'key' : 'value'
      at++
    } else if (closes(expected, char, inside)) {
      open.pop()
      expected = 'more'
      at++
    } else if (expected === 'more') {
      return at
    } else if (char === '"') {
      const end = stringEnd(text, at)
      if (end.fault) return end.at
      expected = isKey(expected) ? 'colon' : 'more'
      at = end.at
    } else if (isKey(expected)) {
      return at
    } else if (char === '{' || char === '[') {
      open.push(char)
      expected = char === '{' ? 'first key' : 'first item'
      at++
    } else {
      const end = matchEnd(SCALAR, text, at)
      if (end === undefined) return at
      expected = 'more'
      at = end
    }
  }
}

const isKey = (expected: Expected): boolean => expected === 'key' || expected === 'first key'

const closes = (expected: Expected, char: string, inside: '{' | '[' | undefined): boolean =>
  (char === '}' && inside === '{' && (expected === 'more' || expected === 'first key')) ||
  (char === ']' && inside === '[' && (expected === 'more' || expected === 'first item'))

/** Just behind the string that opens at `from`, or where it is broken. */
const stringEnd = (text: string, from: number): { at: number; fault: boolean } => {
  let at = from + 1
  for (; at < text.length; at++) {
    const char = text.charAt(at)
    if (char === '"') return { at: at + 1, fault: false }
    if (char < ' ') return { at, fault: true }
    if (char !== '\\') continue
    at++
    const escape = text.charAt(at)
    if (escape === 'u') {
      if (matchEnd(HEX4, text, at + 1) === undefined)
        return { at: Math.min(at + 1, text.length), fault: true }
      at += 4
    } else if (escape === '' || !'"\\/bfnrt'.includes(escape)) {
      return { at, fault: true }
    }
  }
  return { at: text.length, fault: true }
}

const matchEnd = (pattern: RegExp, text: string, at: number): number | undefined => {
  pattern.lastIndex = at
  return pattern.test(text) ? pattern.lastIndex : undefined
}
