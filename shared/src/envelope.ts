import { isUtf8 } from 'node:buffer'
import { createHash, hash } from 'node:crypto'
import { Type, type Static } from 'typebox'
import { Compile } from 'typebox/compile'
import { EnvelopeError } from './errors.ts'
import { parseJson } from './json.ts'
import { fromIso, toIso } from './time.ts'
import { toStamp, type Stamp } from './stamp.ts'

/** A record on the wire: AMQP properties and headers around the record's JSON (plan §4, `docs/wire.md`). */

export const LANES = ['webhook', 'feed', 'quarantine'] as const
export type Lane = (typeof LANES)[number]

/** Who says when a record's facts were true: the record itself, the file around it, or nobody (then: receipt). */
export const FACT_AT_FROM = ['record', 'file', 'receipt'] as const
export type FactAtFrom = (typeof FACT_AT_FROM)[number]

const slug = Type.String({ pattern: '^[a-z0-9][a-z0-9-]{0,62}$' })
const instant = Type.String({ minLength: 20, maxLength: 40 })

/** Of an external id, in UTF-16 code units. */
export const MAX_ID_LENGTH = 255
// oxlint-disable-next-line no-control-regex -- control characters are what it looks for
const CONTROL = /[\u0000-\u001f\u007f]/

/**
 * How many objects and lists may enclose a value of a record, the record included: deeper than any format needs, shallow
 * enough for every reader that recurses. A webhook with a deeper record is refused, a feed's deeper record rejected.
 */
export const MAX_RECORD_DEPTH = 32

/** Whether a text survives headers, columns and a person's eyes as an id: no control character, no half a surrogate. */
export const isExternalId = (text: string): boolean =>
  text.length <= MAX_ID_LENGTH && text.trim() !== '' && text.isWellFormed() && !CONTROL.test(text)

/** The headers every envelope carries. More may come: a worker ignores what it does not know. */
const HeadersSchema = Type.Object({
  vendor: slug,
  source: slug,
  format: Type.String({ minLength: 1, maxLength: 64 }),
  'format-version': Type.Integer({ minimum: 1, maximum: 99_999 }),
  lane: Type.Enum(['webhook', 'feed']),
  'external-id': Type.String({ minLength: 1, maxLength: MAX_ID_LENGTH }),
  'fact-at': instant,
  'fact-at-from': Type.Enum(FACT_AT_FROM),
  'received-at': instant,
  ordinal: Type.Integer({ minimum: 0, maximum: 4_294_967_295 }),
  'record-hash': Type.String({ pattern: '^[0-9a-f]{64}$' }),
  'source-revision': Type.Integer({ minimum: 0 }),
  'record-count': Type.Optional(Type.Integer({ minimum: 1, maximum: 4_294_967_295 })),
  'listed-at': Type.Optional(instant),
  'expired-at': Type.Optional(instant),
  run: Type.Optional(Type.String({ pattern: '^[1-9]\\d{0,17}$' })),
  attempt: Type.Optional(Type.Integer({ minimum: 0, maximum: 1000 })),
  traceparent: Type.Optional(Type.String({ maxLength: 64 }))
})
const headersValidator = Compile(HeadersSchema)

export interface Envelope {
  /** `<deliveryId>.<index>` or `<run>.<ordinal>`: unique, the same in the 202, the log, Sentry and the row. */
  messageId: string
  type: 'record' | 'vanished'
  vendor: string
  source: string
  format: string
  formatVersion: number
  /** The lane it was published to first; a replay or a quarantine does not change it. */
  lane: 'webhook' | 'feed'
  externalId: string
  /** Epoch microseconds. */
  factAt: number
  factAtFrom: FactAtFrom
  /** Feeds: since when the file is true that lists the offer, unless `factAt` is that. */
  listedAt?: number
  /** Of a `vanished` one: it is so because the time is over until which a record said that it holds. */
  expiredAt?: number
  receivedAt: number
  ordinal: number
  /** Webhooks: of how many records its request was; absent means one. */
  recordCount?: number
  recordHash: string
  /** Revision of the source's settings under which the record was read. */
  sourceRevision: number
  /** Id of the feed run, for lane `feed`. */
  run?: string
  /** How many times it went up the retry ladder. */
  attempt: number
  traceparent?: string
  /** The record, as the UTF-8 JSON it travels as. */
  body: Buffer
}

/** What the transport needs to publish one message; the shape `shared/broker` takes. */
export interface OutgoingMessage {
  exchange: string
  routingKey: string
  body: Buffer
  properties: {
    messageId: string
    type: string
    contentType: 'application/json'
    /** Seconds since the epoch, as AMQP counts. */
    timestamp: number
    headers: Record<string, string | number>
  }
}

/** What arrives: the parts of an AMQP delivery an envelope is read from. */
export interface IncomingMessage {
  body: Buffer
  properties: { messageId?: unknown; type?: unknown; headers?: Record<string, unknown> | undefined }
}

export const toHeaders = (envelope: Envelope): Record<string, string | number> => ({
  vendor: envelope.vendor,
  source: envelope.source,
  format: envelope.format,
  'format-version': envelope.formatVersion,
  lane: envelope.lane,
  'external-id': envelope.externalId,
  'fact-at': toIso(envelope.factAt),
  'fact-at-from': envelope.factAtFrom,
  'received-at': toIso(envelope.receivedAt),
  ordinal: envelope.ordinal,
  'record-hash': envelope.recordHash,
  'source-revision': envelope.sourceRevision,
  attempt: envelope.attempt,
  ...(envelope.recordCount === undefined ? {} : { 'record-count': envelope.recordCount }),
  ...(envelope.listedAt === undefined ? {} : { 'listed-at': toIso(envelope.listedAt) }),
  ...(envelope.expiredAt === undefined ? {} : { 'expired-at': toIso(envelope.expiredAt) }),
  ...(envelope.run === undefined ? {} : { run: envelope.run }),
  ...(envelope.traceparent === undefined ? {} : { traceparent: envelope.traceparent })
})

/** The message for `exchange` (`topology.exchanges.records`), with routing key `<lane>.<source>`. */
export const toMessage = (envelope: Envelope, exchange: string): OutgoingMessage => ({
  exchange,
  routingKey: `${envelope.lane}.${envelope.source}`,
  body: envelope.body,
  properties: {
    messageId: envelope.messageId,
    type: envelope.type,
    contentType: 'application/json',
    timestamp: Math.floor(envelope.receivedAt / 1e6),
    headers: toHeaders(envelope)
  }
})

/**
 * Reads an envelope back; the body stays bytes until `recordOf` parses it.
 * @throws EnvelopeError `ENVELOPE_INVALID` naming the header that is missing or wrong.
 */
export const fromMessage = (message: IncomingMessage): Envelope => {
  const { messageId, type } = message.properties
  const headers = message.properties.headers ?? {}
  if (typeof messageId !== 'string' || messageId === '') throw invalid('property messageId is missing')
  if (CONTROL.test(messageId)) throw invalid('property messageId holds a control character')
  if (type !== 'record' && type !== 'vanished') throw invalid('property type must be "record" or "vanished"')
  if (!headersValidator.Check(headers)) {
    const [problem] = headersValidator.Errors(headers)
    const name = problem?.instancePath.slice(1) ?? ''
    throw invalid(`${name === '' ? 'the headers' : `header ${name}`} ${problem?.message ?? 'are invalid'}`)
  }
  if (!isExternalId(headers['external-id'])) {
    throw invalid('header external-id is blank or holds a control character')
  }
  const { 'record-count': recordCount, run, traceparent } = headers
  return {
    messageId,
    type,
    vendor: headers.vendor,
    source: headers.source,
    format: headers.format,
    formatVersion: headers['format-version'],
    lane: headers.lane,
    externalId: headers['external-id'],
    factAt: instantOf(headers, 'fact-at'),
    factAtFrom: headers['fact-at-from'],
    receivedAt: instantOf(headers, 'received-at'),
    ordinal: headers.ordinal,
    recordHash: headers['record-hash'],
    sourceRevision: headers['source-revision'],
    attempt: headers.attempt ?? 0,
    body: message.body,
    ...(recordCount === undefined ? {} : { recordCount }),
    ...(headers['listed-at'] === undefined ? {} : { listedAt: instantOf(headers, 'listed-at') }),
    ...(headers['expired-at'] === undefined ? {} : { expiredAt: instantOf(headers, 'expired-at') }),
    ...(run === undefined ? {} : { run }),
    ...(traceparent === undefined ? {} : { traceparent })
  }
}

/**
 * The record of an envelope. A number of more digits than a double holds is the text it was written as (`parseJson`).
 * @throws EnvelopeError `ENVELOPE_INVALID` when the body is not JSON, or not UTF-8.
 */
export const recordOf = (envelope: Envelope): unknown => {
  if (!isUtf8(envelope.body)) throw invalid('the body is not UTF-8')
  try {
    return parseJson(envelope.body.toString('utf8'))
  } catch (cause) {
    throw invalid('the body is not JSON', cause)
  }
}

export const stampOf = (envelope: Envelope): Stamp => toStamp(envelope)

/** The stamp of the list an offer stands in: that of the file around a record which has a time of its own. */
export const listedStampOf = (envelope: Envelope): Stamp | undefined =>
  envelope.listedAt === undefined ? undefined : toStamp({ ...envelope, factAt: envelope.listedAt })

/** In place of the hash of a record: there is none. What vanished has it, so no record is ever taken for known by it. */
export const NO_RECORD_HASH = '0'.repeat(64)

/** Hex sha256 of a record's bytes (and of the context captured around it): the identity of its content. */
export const recordHash = (...parts: readonly (Buffer | string)[]): string => {
  const [only] = parts
  if (parts.length === 1 && only !== undefined) return hash('sha256', only)
  const digest = createHash('sha256')
  for (const part of parts) digest.update(part)
  return digest.digest('hex')
}

const instantOf = (
  headers: Static<typeof HeadersSchema>,
  name: 'fact-at' | 'received-at' | 'listed-at' | 'expired-at'
): number => {
  const micros = fromIso(headers[name] ?? '')
  if (micros === undefined) throw invalid(`header ${name} is not an ISO 8601 instant`)
  return micros
}

const invalid = (what: string, cause?: unknown): EnvelopeError =>
  new EnvelopeError('ENVELOPE_INVALID', `Cannot read the envelope: ${what}`, { cause })
