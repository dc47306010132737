import { gunzipSync, inflateRawSync, inflateSync, type ZlibOptions } from 'node:zlib'
import { codeOf } from '@sluice/shared/errors'
import { Refusal } from '../errors.ts'
import { MAX_BODY_BYTES } from '../limits.ts'

/** What Node's `*Sync` functions return with `info: true`, which its types do not say. */
interface Inflated {
  buffer: Buffer
  /** `bytesWritten`: how many bytes were used. */
  engine: { bytesWritten: number }
}

/**
 * The body as it was before its `Content-Encoding`. Never more than a plain body may have: a bomb is let go at the
 * first byte too many.
 * @throws Refusal CONTENT_ENCODING_UNSUPPORTED, BODY_TOO_LARGE, or BODY_MALFORMED when it is damaged, cut short, or
 *   has something behind its end.
 */
export const inflate = (body: Buffer, encoding: string | undefined): Buffer => {
  const name = (encoding ?? 'identity').trim().toLowerCase()
  if (name === 'identity' || name === '') return body
  const { buffer, engine } = inflated(body, name)
  if (engine.bytesWritten !== body.length) throw damaged()
  return buffer
}

const inflated = (body: Buffer, name: string): Inflated => {
  const inflater = inflaterOf(name, body)
  try {
    return inflater(body, { maxOutputLength: MAX_BODY_BYTES, info: true }) as unknown as Inflated
  } catch (cause) {
    if (codeOf(cause) !== 'ERR_BUFFER_TOO_LARGE') throw damaged(cause)
    throw new Refusal(
      'BODY_TOO_LARGE',
      `The body is larger than ${MAX_BODY_BYTES} bytes once inflated; send fewer records a request.`,
      { cause }
    )
  }
}

const inflaterOf = (name: string, body: Buffer): ((body: Buffer, options: ZlibOptions) => Buffer) => {
  if (name === 'gzip' || name === 'x-gzip') return gunzipSync
  // RFC 9110 §8.4.1.2 means zlib by "deflate", and some senders leave its two bytes out.
  if (name === 'deflate') return isZlib(body) ? inflateSync : inflateRawSync
  throw new Refusal('CONTENT_ENCODING_UNSUPPORTED', 'Send the body as it is, or with gzip, or with deflate.')
}

/** RFC 1950 §2.2: method 8, and a check that makes the first two bytes a multiple of 31. */
const isZlib = (body: Buffer): boolean =>
  body.length >= 2 && (body.readUInt8(0) & 0x0f) === 8 && body.readUInt16BE(0) % 31 === 0

const damaged = (cause?: unknown): Refusal =>
  new Refusal('BODY_MALFORMED', 'The compressed body is damaged or cut short, or goes on behind its end.', {
    cause
  })
