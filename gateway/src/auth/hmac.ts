import { createHmac, createSecretKey, type KeyObject } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import {
  hmacKeyBytes,
  parseTemplate,
  type Challenge,
  type HmacAuth,
  type TemplatePart
} from '@sluice/shared/auth'
import { isSameDigest } from '@sluice/shared/keys'
import { headerOf } from './headers.ts'
import { refused, type Claim, type NotAuthenticated, type RawRequest, type Scheme } from './scheme.ts'
import { challengeReply, eventIdIn, MAX_EVENT_ID_LENGTH } from './signed-body.ts'
import { timestampProblem } from './timestamp.ts'

/** Any signature that is an HMAC over parts of the request, told by data (`HmacAuth`). */
export const createHmacScheme = (auth: HmacAuth & { challenge?: Challenge }): Scheme<KeyObject> => {
  const parts = parseTemplate(auth.template) ?? []
  const readTimestamp = createTimestampReader(auth)

  return {
    toKey: (secret) => {
      const bytes = hmacKeyBytes(secret, auth.secretEncoding)
      if (bytes === undefined || bytes.length === 0) throw new Error('the secret cannot be an HMAC key')
      return createSecretKey(bytes) // made once: HMAC over 2 KB takes a fifth of what it takes with bytes
    },
    read: (request, nowMs) => {
      const given = headerOf(request.headers, auth.header.toLowerCase())
      if (given === undefined) return refused('CREDENTIALS_MISSING', 'missing')
      const signatures = signaturesIn(given, auth)
      if (signatures.length === 0) return refused('CREDENTIALS_INVALID', 'no signature of the agreed form')
      const timestamp = readTimestamp(request.headers, nowMs)
      if (typeof timestamp === 'object') return timestamp
      const content = contentOf(request, parts, timestamp, auth)
      if (content === undefined) return refused('CREDENTIALS_INVALID', 'a signed header is missing')
      return toClaim(auth, request, content, signatures, parts)
    }
  }
}

const toClaim = (
  auth: HmacAuth & { challenge?: Challenge },
  { headers, body }: RawRequest,
  content: readonly (string | Buffer)[],
  signatures: readonly string[],
  parts: readonly TemplatePart[]
): Claim<KeyObject> => {
  const { algorithm, encoding, eventIdHeader, eventIdPath, challenge } = auth
  return {
    ok: true,
    isMadeWith: (key) => {
      const hmac = createHmac(algorithm, key)
      for (const part of content) hmac.update(typeof part === 'string' ? Buffer.from(part, 'latin1') : part)
      const expected = hmac.digest(encoding)
      let isMatch = false
      for (const signature of signatures) if (isSameDigest(expected, signature)) isMatch = true
      return isMatch
    },
    eventId: () => {
      if (eventIdPath !== undefined) return eventIdIn(body, eventIdPath)
      return eventIdHeader === undefined ? undefined : eventIdOf(headers, eventIdHeader.toLowerCase(), parts)
    },
    ...(challenge === undefined ? {} : { challenge: () => challengeReply(body, challenge) })
  }
}

/** Every value in the header that looks like a signature, written as `digest` writes one. */
const signaturesIn = (header: string, { encoding, prefix = '', separator }: HmacAuth): readonly string[] =>
  partsOf(header, separator)
    .filter((part) => part.startsWith(prefix) && part.length > prefix.length)
    .map((part) => normalise(part.slice(prefix.length), encoding))

const partsOf = (header: string, separator: string | undefined): readonly string[] =>
  separator === undefined ? [header] : header.split(separator).map((part) => part.trim())

const normalise = (signature: string, encoding: HmacAuth['encoding']): string => {
  if (encoding === 'hex') return signature.toLowerCase()
  return encoding === 'base64url' ? signature.replace(/=+$/, '') : signature
}

type TimestampReader = (headers: IncomingHttpHeaders, nowMs: number) => string | NotAuthenticated

const createTimestampReader = ({
  timestampHeader,
  timestampPrefix = '',
  timestampUnit: unit = 'seconds',
  toleranceSeconds = 0,
  separator
}: HmacAuth): TimestampReader => {
  if (timestampHeader === undefined) return () => ''
  const name = timestampHeader.toLowerCase()
  return (headers, nowMs) => {
    const header = headerOf(headers, name) ?? ''
    const inside =
      timestampPrefix === ''
        ? header
        : partsOf(header, separator).find((part) => part.startsWith(timestampPrefix))
    const text = inside?.slice(timestampPrefix.length)
    const problem = timestampProblem(text, { unit, toleranceSeconds }, nowMs)
    return problem === undefined && text !== undefined
      ? text
      : refused('CREDENTIALS_INVALID', problem ?? 'no timestamp')
  }
}

/** What is signed, piece by piece; text is latin1, as Node reads header bytes. `undefined`: a header is missing. */
const contentOf = (
  { method, url, headers, body }: RawRequest,
  parts: readonly TemplatePart[],
  timestamp: string,
  { publicUrl = '', urlDecodes = '' }: HmacAuth
): readonly (string | Buffer)[] | undefined => {
  const content: (string | Buffer)[] = []
  for (const part of parts) {
    const piece = (): string | Buffer | undefined => {
      switch (part.kind) {
        case 'text':
          return Buffer.from(part.text, 'utf8')
        case 'body':
          return body
        case 'timestamp':
          return timestamp
        case 'method':
          return method
        case 'url':
          return decodeSome(publicUrl + url, urlDecodes)
        case 'header':
          return headerOf(headers, part.name)
      }
    }
    const value = piece()
    if (value === undefined) return undefined
    content.push(value)
  }
  return content
}

const decodeSome = (url: string, characters: string): string =>
  characters === ''
    ? url
    : url.replace(/%[0-9a-f]{2}/gi, (escape) => {
        const character = String.fromCodePoint(Number.parseInt(escape.slice(1), 16))
        // oxlint-disable-next-line house/constant-time -- characters of a URL
        return characters.includes(character) ? character : escape
      })

/**
 * The id in a signed header. Where it held the text that follows it in what is signed, its end could be moved and one
 * signature would do for two ids: such an id tells nothing apart.
 */
const eventIdOf = (
  headers: IncomingHttpHeaders,
  name: string,
  parts: readonly TemplatePart[]
): string | undefined => {
  const id = headerOf(headers, name)
  // oxlint-disable-next-line house/constant-time -- names of headers
  const next = parts[parts.findIndex((part) => part.kind === 'header' && part.name === name) + 1]
  if (id === undefined || id.length > MAX_EVENT_ID_LENGTH) return undefined
  // oxlint-disable-next-line house/constant-time -- an id, and text of the settings
  return next?.kind === 'text' && id.includes(next.text) ? undefined : id
}
