/** The bytes that mean something in XML's syntax; all are ASCII, which no part of a longer character ever is. */
export const LT = 0x3c
export const GT = 0x3e
export const SLASH = 0x2f
export const BANG = 0x21
export const QUESTION = 0x3f
export const QUOTE = 0x22
export const APOSTROPHE = 0x27
export const OPEN_BRACKET = 0x5b
export const CLOSE_BRACKET = 0x5d

export const COMMENT_START = Buffer.from('<!--')
export const CDATA_START = Buffer.from('<![CDATA[')
export const SECTION_END = {
  comment: Buffer.from('-->'),
  cdata: Buffer.from(']]>'),
  pi: Buffer.from('?>')
} as const

export const isSpace = (byte: number | undefined): boolean =>
  byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09

export const endsName = (byte: number | undefined): boolean => isSpace(byte) || byte === SLASH || byte === GT

export const endsValue = (byte: number | undefined, isThere: boolean): boolean =>
  !isThere || endsName(byte) || byte === QUESTION

/** Letters, `_`, `:` and everything beyond ASCII; saxes decides about the rest. */
export const isNameStart = (byte: number): boolean =>
  (byte >= 0x61 && byte <= 0x7a) ||
  (byte >= 0x41 && byte <= 0x5a) ||
  byte === 0x5f ||
  byte === 0x3a ||
  byte >= 0x80
