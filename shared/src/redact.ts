/**
 * What may leave the house for an error tracker. Offers hold the names, addresses and phone numbers of people, and
 * messages of libraries quote what they were given: so values go, and their shape stays.
 */

const MASKED = '…'

const PATTERNS: readonly (readonly [RegExp, string])[] = [
  [/\/\/([^\s/:]+:\S*|[^\s/]*)@/g, `//${MASKED}@`], // user and password of a URL, encoded as it should be or not
  [/\?[^\s"'#]+=[^\s"'#]*/g, `?${MASKED}`], // query of a URL: tokens live there
  [/\b(bearer|basic|digest)\s+[^\s,;"']+/gi, `$1 ${MASKED}`],
  [
    /\b(password|passwd|secret|token|api[-_]?key|authorization|signature)(["']?\s*[:=]\s*["']?)[^\s,;"']+/gi,
    `$1$2${MASKED}`
  ],
  [/\bslk_[\w-]+/g, `slk_${MASKED}`],
  [/\b(whsec_|whsk_)[\w+/=-]+/g, `$1${MASKED}`], // Standard Webhooks
  [/[^\s<>"'(),:;@]+@[^\s<>"'(),:;@]+\.[^\s<>"'(),:;@]+/g, '(email)'],
  [/\+?\d[\d\s()./-]{7,}\d/g, '(number)'], // phone numbers, accounts, and with them other long numbers
  [/\)=\([^)]*\)/g, `)=(${MASKED})`] // Postgres' "Key (a)=(value) already exists"
]
const IDENTIFIER = /^[a-z_][a-z0-9_]*$/

/** Free text without credentials, e-mail addresses, long numbers and quoted values; quoted identifiers stay. */
export const redactText = (text: string, maxLength = 1_000): string => {
  let result = text.slice(0, maxLength * 4)
  for (const [pattern, replacement] of PATTERNS) result = result.replace(pattern, replacement)
  return result
    .replace(/"((?:[^"\\]|\\.)*)"/g, (_, inside: string) =>
      IDENTIFIER.test(inside) ? `"${inside}"` : `"${MASKED}"`
    )
    .slice(0, maxLength)
}

/** The same for the message of a rejection, which quotes what the vendor sent: every quoted value goes. */
export const redactMessage = (text: string): string =>
  redactText(text.replace(/"(?:[^"\\]|\\.)*"/g, `"${MASKED}"`))

const MAX_KEYS = 60
const MAX_DEPTH = 6

/**
 * The shape of a record: every value replaced by its type and length, `{ price: 'string(6)', beds: 'number' }`.
 * Enough to see what a mapping met, and nothing of what it said.
 */
export const shapeOf = (value: unknown, depth = 0): unknown => {
  if (value === null) return 'null'
  if (typeof value === 'string') return `string(${value.length})`
  if (typeof value !== 'object') return typeof value
  if (depth >= MAX_DEPTH) return Array.isArray(value) ? `array(${value.length})` : 'object'
  if (Array.isArray(value)) {
    const [first] = value as readonly unknown[]
    return value.length === 0 ? 'array(0)' : [shapeOf(first, depth + 1), `array(${value.length})`]
  }
  const entries = Object.entries(value)
  return Object.fromEntries([
    ...entries.slice(0, MAX_KEYS).map(([key, inside]) => [redactText(key, 80), shapeOf(inside, depth + 1)]),
    ...(entries.length > MAX_KEYS ? [[MASKED, `${entries.length - MAX_KEYS} more`]] : [])
  ])
}
