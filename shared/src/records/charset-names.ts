/** The charset an `<?xml … encoding="…"?>` declares; `undefined` when the instruction is another one or says nothing. */
export const declaredCharset = (instruction: string): string | undefined =>
  /^<\?xml\s[^>]*?\bencoding\s*=\s*["']([^"']*)["']/i.exec(instruction)?.[1]

/** ASCII is UTF-8 as well; the WHATWG table would make windows-1252 of it. */
const UTF8 = /^(utf-?8|us-ascii|ascii)$/
/** As Windows programs write it: `cp-1251`, `win1251`, `ANSI-1251`. */
const CODE_PAGE = /^(?:cp|win|windows|ms|ansi)[-_ ]?(125[0-8]|874|866)$/

/**
 * The name the WHATWG encoding standard has for a charset, in whatever spelling; `undefined` when there is no decoder
 * for it. https://encoding.spec.whatwg.org/#names-and-labels
 */
export const charsetNamed = (label: string): string | undefined => {
  const name = label.trim().toLowerCase()
  if (UTF8.test(name)) return 'utf-8'
  const page = CODE_PAGE.exec(name)?.[1]
  try {
    return new TextDecoder(page === undefined ? name : page === '866' ? 'ibm866' : `windows-${page}`).encoding
  } catch {
    return undefined
  }
}

/** How many bytes of a charset a character takes: one, two for each half of a UTF-16 pair, or it depends. */
export const widthOf = (charset: string): 'one' | 'utf16' | 'various' => {
  if (charset === 'utf-16le' || charset === 'utf-16be') return 'utf16'
  return VARIOUS.has(charset) ? 'various' : 'one'
}

const VARIOUS: ReadonlySet<string> = new Set([
  'utf-8',
  'gbk',
  'gb18030',
  'big5',
  'euc-jp',
  'euc-kr',
  'iso-2022-jp',
  'shift_jis'
])

const MARKS: readonly (readonly [readonly number[], string])[] = [
  [[0xff, 0xfe, 0, 0], 'utf-32le'],
  [[0, 0, 0xfe, 0xff], 'utf-32be'],
  [[0xef, 0xbb, 0xbf], 'utf-8'],
  [[0xff, 0xfe], 'utf-16le'],
  [[0xfe, 0xff], 'utf-16be']
]

/** What a byte order mark stands for, and its length. */
export const markOf = (head: Buffer): { charset: string; length: number } | undefined => {
  const mark = MARKS.find(([bytes]) => bytes.every((byte, index) => head[index] === byte))
  return mark === undefined ? undefined : { charset: mark[1], length: mark[0].length }
}

/** UTF-16 without a mark (XML 1.0, appendix F): every other byte of its first characters is NUL. */
export const unmarkedUtf16 = (head: Buffer): string | undefined => {
  const [a, b, c, d] = head
  if (head.length < 4) return undefined
  if (a !== 0 && b === 0 && c !== 0 && d === 0) return 'utf-16le'
  return a === 0 && b !== 0 && c === 0 && d !== 0 ? 'utf-16be' : undefined
}
