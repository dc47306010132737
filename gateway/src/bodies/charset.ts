import { isUtf8 } from 'node:buffer'
import { TextDecoder } from 'node:util'
import { encodeUtf8 } from '@sluice/shared/encode-utf8'
import { Refusal } from '../errors.ts'

const UTF8_BOM = Buffer.from([0xef, 0xbb, 0xbf])
const BOMS: readonly (readonly [Buffer, string])[] = [
  [UTF8_BOM, 'utf-8'],
  [Buffer.from([0xfe, 0xff]), 'utf-16be'],
  [Buffer.from([0xff, 0xfe]), 'utf-16le']
]

const LEAST_OF_MARKS = 0xef

/** ASCII is UTF-8 as well; the WHATWG table would make windows-1252 of it. */
const UTF8: ReadonlySet<string> = new Set(['utf-8', 'utf8', 'us-ascii', 'ascii'])

/** The charset a byte order mark stands for. It is surer than anything that is said about the body. */
export const markedCharset = (bytes: Buffer): string | undefined =>
  (bytes[0] ?? 0) < LEAST_OF_MARKS
    ? undefined
    : BOMS.find(([mark]) => bytes.subarray(0, mark.length).equals(mark))?.[1]

/**
 * The text in UTF-8, without a byte order mark: not one character is replaced. Bytes that are UTF-8 are not copied.
 * @throws Refusal CONTENT_TYPE_UNSUPPORTED for a charset nobody knows, BODY_MALFORMED for bytes that are not of it.
 */
export const toUtf8 = (bytes: Buffer, charset = 'utf-8'): Buffer => {
  if (!UTF8.has(charset)) return encodeUtf8(decoderOf(charset)(bytes))
  if (!isUtf8(bytes)) throw notOfCharset('UTF-8')
  // RFC 8259 §8.1 allows a reader to ignore the mark, and it would be no JSON with it.
  return markedCharset(bytes) === 'utf-8' ? bytes.subarray(UTF8_BOM.length) : bytes
}

/** A function from bytes to text, for whoever decodes in pieces; it throws as `toUtf8` does. */
export const decoderOf = (charset: string): ((bytes: Buffer) => string) => {
  if (UTF8.has(charset)) return (bytes) => toUtf8(bytes).toString('utf8')
  const decoder = toDecoder(charset)
  return (bytes) => {
    try {
      return decoder.decode(bytes)
    } catch (cause) {
      throw notOfCharset(charset, cause)
    }
  }
}

/** https://encoding.spec.whatwg.org/#names-and-labels */
const toDecoder = (charset: string): TextDecoder => {
  try {
    return new TextDecoder(charset, { fatal: true })
  } catch (cause) {
    throw new Refusal(
      'CONTENT_TYPE_UNSUPPORTED',
      'The charset of the body is not one of the WHATWG encoding standard; send UTF-8.',
      { cause }
    )
  }
}

const notOfCharset = (charset: string, cause?: unknown): Refusal =>
  new Refusal('BODY_MALFORMED', `The body holds bytes that are not ${charset}, which it should be.`, {
    cause
  })
