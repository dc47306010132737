/** What a line of a terminal is made of: text that is safe, as wide as it says, and cut where it must be. Pure. */

export const ELLIPSIS = '…'

/**
 * What a terminal may be given: control characters (a vendor's id may carry escape sequences), and the marks that turn
 * the direction of text around, become visible escapes.
 */
export const clean = (text: string, multiline = false): string => {
  const unsafe = multiline ? UNSAFE_BUT_NEWLINE : UNSAFE
  return text
    .replaceAll('\r\n', '\n')
    .replaceAll('\t', '  ')
    .replaceAll(unsafe, (found) => `\\u${(found.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}`)
}

const UNSAFE = /[\p{Cc}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/gu
const UNSAFE_BUT_NEWLINE = /(?!\n)[\p{Cc}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/gu

/** Columns a text takes on a terminal: wide characters take two, combining marks none. */
export const displayWidth = (text: string): number => {
  if (PLAIN.test(text)) return text.length
  let width = 0
  for (const { segment } of graphemes.segment(text)) width += WIDE.test(segment) ? 2 : 1
  return width
}

const PLAIN = /^[\u0020-\u007e\u00a0-\u02ff\u0370-\u058f…–—·█░]*$/
const WIDE =
  /\p{Emoji_Presentation}|\ufe0f|[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff01-\uff60\uffe0-\uffe6]|[\u{20000}-\u{3fffd}]/u
const graphemes = new Intl.Segmenter('en', { granularity: 'grapheme' })

/** At most `width` columns; what was cut off shows as an ellipsis. */
export const truncate = (text: string, width: number): string => {
  if (displayWidth(text) <= width) return text
  let kept = ''
  let used = 0
  for (const { segment } of graphemes.segment(text)) {
    const next = displayWidth(segment)
    if (used + next > width - 1) break
    kept += segment
    used += next
  }
  return kept.trimEnd() + ELLIPSIS
}

/** `1 offer`, `12,000 offers`. */
export const counted = (count: number, one: string, many = `${one}s`): string =>
  `${formatCount(count)} ${count === 1 ? one : many}`

export const formatCount = (count: number | bigint): string => count.toLocaleString('en')

/** Breaks at spaces; a word that is longer than a line is broken where the line ends. */
export const wrap = (text: string, width: number): readonly string[] => {
  const lines: string[] = []
  let rest = text
  while (displayWidth(rest) > width) {
    const head = truncate(rest, width + 1).slice(0, -ELLIPSIS.length)
    const atSpace = head.lastIndexOf(' ')
    const cut = Math.max(1, rest[head.length] === ' ' || atSpace <= 0 ? head.length : atSpace)
    lines.push(rest.slice(0, cut).trimEnd())
    rest = rest.slice(cut).trimStart()
  }
  return [...lines, rest]
}
