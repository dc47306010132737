const QUOTE = 0x22
const BACKSLASH = 0x5c
const COMMA = 0x2c
const isOpening = (byte: number): boolean => byte === 0x7b || byte === 0x5b
const isClosing = (byte: number): boolean => byte === 0x7d || byte === 0x5d
const isSpace = (byte: number): boolean => byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09
const isObject = (body: Buffer): boolean => body[0] === 0x7b
const isArray = (body: Buffer): boolean => body[0] === 0x5b

/**
 * Cuts a body into its records without touching a byte of them, so that numbers keep every digit: the items of an
 * array, or the one value there is; with `path`, of what stands there, in each item of an array on the way. An item
 * that has nothing there has no slice. The slices share the body's memory.
 *
 * The body must be known to be valid JSON in UTF-8 (`JSON.parse` has read it): then a quote, a bracket or a comma
 * outside a string is always one byte and always means what it looks like.
 */
export const sliceJson = (body: Buffer, path: readonly string[] = []): Buffer[] => {
  let values = [trimmed(body)]
  for (const step of path) values = values.flatMap(itemsOf).flatMap((value) => memberOf(value, step) ?? [])
  return values.flatMap(itemsOf)
}

/** The value at `path` as it was written; `undefined` when any step is missing. Only objects are entered. */
export const sliceAt = (body: Buffer, path: readonly string[]): Buffer | undefined => {
  let value: Buffer | undefined = trimmed(body)
  for (const step of path) value = value === undefined ? undefined : memberOf(value, step)
  return value
}

/** What a body may cost whoever parses it. */
export interface JsonLimits {
  values: number
  /** Of one object or list. */
  members: number
  depth: number
}

export interface JsonMeasure {
  /** The limit it passes first; its depth is only so far known then. */
  passed?: keyof JsonLimits
  /** How many objects and arrays enclose its innermost value, itself included. */
  depth: number
}

/**
 * Measures a body before anything is built: a megabyte of brackets, or of tiny members, costs a parser fifty times what
 * it costs us to count them. What is not JSON is counted as if it were.
 */
export const measureJson = (body: Buffer, limits: JsonLimits): JsonMeasure => {
  const members: number[] = [0]
  let depth = 0
  let deepest = 0
  let values = 1
  for (let at = 0; at < body.length; at++) {
    const byte = body[at] as number
    if (byte === QUOTE) {
      at = stringEnd(body, at)
    } else if (isOpening(byte)) {
      if (++depth > deepest) deepest = depth
      if (depth > limits.depth) return { passed: 'depth', depth }
      members[depth] = 1
      values++
    } else if (isClosing(byte)) {
      if (depth > 0) depth--
    } else if (byte === COMMA) {
      const count = (members[depth] ?? 0) + 1
      if (count > limits.members) return { passed: 'members', depth: deepest }
      members[depth] = count
      values++
    }
    if (values > limits.values) return { passed: 'values', depth: deepest }
  }
  return { depth: deepest }
}

const itemsOf = (value: Buffer): Buffer[] => {
  if (!isArray(value)) return [value]
  const items: Buffer[] = []
  for (let at = skipSpace(value, 1); !isClosing(value[at] as number);) {
    const end = valueEnd(value, at)
    items.push(value.subarray(at, end))
    at = skipSpace(value, end)
    if (value[at] === COMMA) at = skipSpace(value, at + 1)
  }
  return items
}

/** Of members with the same name the last one counts, as for `JSON.parse`. */
const memberOf = (value: Buffer, name: string): Buffer | undefined => {
  if (!isObject(value)) return undefined
  const written = Buffer.from(JSON.stringify(name))
  let found: Buffer | undefined
  for (let at = skipSpace(value, 1); !isClosing(value[at] as number);) {
    const nameEnd = valueEnd(value, at)
    const isIt = isName(value.subarray(at, nameEnd), written, name)
    const from = skipSpace(value, skipSpace(value, nameEnd) + 1) // behind the colon
    const end = valueEnd(value, from)
    if (isIt) found = value.subarray(from, end)
    at = skipSpace(value, end)
    if (value[at] === COMMA) at = skipSpace(value, at + 1)
  }
  return found
}

/** Names may be written with escapes: `"\u0069d"` is `"id"`. */
const isName = (bytes: Buffer, written: Buffer, name: string): boolean =>
  bytes.equals(written) || (bytes.includes(BACKSLASH) && JSON.parse(bytes.toString('utf8')) === name)

/** Just behind the value that begins at `from`. */
const valueEnd = (body: Buffer, from: number): number => {
  const first = body[from] as number
  if (first === QUOTE) return stringEnd(body, from) + 1
  if (!isOpening(first)) return scalarEnd(body, from)
  let depth = 0
  for (let at = from; at < body.length; at++) {
    const byte = body[at] as number
    if (byte === QUOTE) at = stringEnd(body, at)
    else if (isOpening(byte)) depth++
    else if (isClosing(byte) && --depth === 0) return at + 1
  }
  return body.length
}

const scalarEnd = (body: Buffer, from: number): number => {
  let at = from
  while (at < body.length && !endsScalar(body[at] as number)) at++
  return at
}

const endsScalar = (byte: number): boolean => byte === COMMA || isClosing(byte) || isSpace(byte)

/** From here on it is cheaper to call a native search than to look at one byte after another. */
const NEAR = 48

/** Index of the quote that closes the string opened at `from`; the end of the body when none does. */
const stringEnd = (body: Buffer, from: number): number => {
  let at = from + 1
  for (;;) {
    const near = Math.min(at + NEAR, body.length)
    while (at < near && body[at] !== QUOTE) at += body[at] === BACKSLASH ? 2 : 1
    if (at < near) return at
    const quote = body.indexOf(QUOTE, at)
    if (quote === -1) return body.length
    let escapes = quote
    while (escapes > at && body[escapes - 1] === BACKSLASH) escapes--
    if ((quote - escapes) % 2 === 0) return quote
    at = quote + 1
  }
}

export const skipSpace = (body: Buffer, from: number): number => {
  let at = from
  while (at < body.length && isSpace(body[at] as number)) at++
  return at
}

const trimmed = (body: Buffer): Buffer => {
  const start = skipSpace(body, 0)
  let end = body.length
  while (end > start && isSpace(body[end - 1] as number)) end--
  return body.subarray(start, end)
}
