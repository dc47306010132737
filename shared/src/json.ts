/**
 * JSON whose numbers keep their digits. A JSON number has as many as its sender wrote (RFC 8259 §6), a double about
 * sixteen: what a double would change is read as the text it was written as, and everything else as `JSON.parse` does.
 * @throws SyntaxError
 */
export const parseJson = (text: string): unknown => {
  const value: unknown = JSON.parse(text)
  if (!holdsNumber(value) || !MAY_LOSE_DIGITS.test(text)) return value
  const exact = quoteInexact(text)
  return exact === text ? value : JSON.parse(exact)
}

/** Up to 15 digits and two of exponent always survive; a text without more, strings included, needs no second look. */
const MAY_LOSE_DIGITS = /[\d.]{16}|[eE][+-]?\d{3}/

/**
 * Most records hold none: XML and CSV have only text. Looking through the values is ten times faster than reading the
 * text again.
 */
const holdsNumber = (value: unknown): boolean => {
  if (typeof value === 'number') return true
  if (typeof value !== 'object' || value === null) return false
  const open: object[] = [value] // how deep it is nested is the sender's to say
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    for (const inner of Object.values(next)) {
      if (typeof inner === 'number') return true
      if (typeof inner === 'object' && inner !== null) open.push(inner as object)
    }
  }
  return false
}

const QUOTE = 0x22
const BACKSLASH = 0x5c
const MINUS = 0x2d

const NUMBER = /-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/y

/** The same JSON, its numbers that a double cannot hold in quotes. The text must be valid: `JSON.parse` has read it. */
const quoteInexact = (text: string): string => {
  let exact = ''
  let copied = 0
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === QUOTE) {
      at = stringEnd(text, at)
    } else if (isDigit(code) || code === MINUS) {
      const literal = numberAt(text, at)
      const end = at + literal.length
      if (!isExact(literal)) {
        exact += `${text.slice(copied, at)}"${literal}"`
        copied = end
      }
      at = end - 1
    }
  }
  return copied === 0 ? text : exact + text.slice(copied)
}

const isDigit = (code: number): boolean => code >= 0x30 && code <= 0x39

/** Index of the quote that closes the string opened at `from`. */
const stringEnd = (text: string, from: number): number => {
  let at = from + 1
  for (let code = text.charCodeAt(at); code !== QUOTE; code = text.charCodeAt(at)) {
    at += code === BACKSLASH ? 2 : 1
  }
  return at
}

const numberAt = (text: string, at: number): string => {
  NUMBER.lastIndex = at
  return NUMBER.exec(text)?.[0] ?? ''
}

const SURELY_EXACT = 15

/** Whether the double of a number has the same digits as the number. */
const isExact = (literal: string): boolean => {
  const isPlain = !literal.includes('e') && !literal.includes('E')
  if (isPlain && literal.length <= SURELY_EXACT) return true
  const written = toScientific(literal)
  const read = toScientific(String(Number(literal)))
  return written !== undefined && written === read
}

/** More digits of exponent than any double has. */
const MAX_EXPONENT_DIGITS = 6
const PARTS = /^-?(\d+)(?:\.(\d+))?(?:[eE]([+-]?)0*(\d+))?$/

/** One spelling for equal numbers, their sign aside; `undefined` for those beyond any double. */
const toScientific = (literal: string): string | undefined => {
  const [, whole, fraction = '', sign = '', exponent = '0'] = PARTS.exec(literal) ?? []
  if (whole === undefined) return undefined
  const written = whole + fraction
  const first = firstOther(written, '0', 0, 1)
  if (first === written.length) return '0'
  if (exponent.length > MAX_EXPONENT_DIGITS) return undefined
  const last = firstOther(written, '0', written.length - 1, -1)
  return `${written.slice(first, last + 1)}e${Number(sign + exponent) + whole.length - first}`
}

const firstOther = (text: string, char: string, from: number, step: 1 | -1): number => {
  let at = from
  while (text[at] === char) at += step
  return at
}
