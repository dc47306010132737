import { Type, type Static } from 'typebox'
import { Compile } from 'typebox/compile'
import type { IncomingMessage, OutgoingMessage } from './envelope.ts'
import { EnvelopeError } from './errors.ts'

/** The stream out as data: one real change of an offer, as consumers hear it (`docs/stream.md`). */

export const OFFER_CHANGE_KINDS = ['created', 'updated', 'withdrawn'] as const
export type OfferChangeKind = (typeof OFFER_CHANGE_KINDS)[number]

const OfferChangeSchema = Type.Object({
  /** Place in the stream: from 1, without gaps. */
  seq: Type.Integer({ minimum: 1 }),
  /** Slug of the vendor; with `externalId` the key of the offer. */
  vendor: Type.String({ minLength: 1 }),
  externalId: Type.String({ minLength: 1 }),
  /** The offer's revision after the change: one more than before it. */
  revision: Type.Integer({ minimum: 1 }),
  kind: Type.Enum(OFFER_CHANGE_KINDS),
  /**
   * Unit name → value before and after; an absent side means the unit was absent. Absent itself in a message that
   * would be too large with it: read the change by its `seq`.
   */
  units: Type.Optional(
    Type.Record(
      Type.String(),
      Type.Object({ old: Type.Optional(Type.Unknown()), new: Type.Optional(Type.Unknown()) })
    )
  ),
  stamp: Type.String(),
  /** Slug of the source that said so, and the message it came with. */
  source: Type.String(),
  messageId: Type.String(),
  /** When it was written, ISO 8601. */
  changedAt: Type.String()
})
const validator = Compile(OfferChangeSchema)

/** What a message of the stream says, and a row of `offer_history` that has its place in it. */
export type OfferChange = Static<typeof OfferChangeSchema>

/** A change as it is read from the table: nothing of it is left out. */
export type WholeOfferChange = OfferChange & { units: NonNullable<OfferChange['units']> } & {
  traceparent?: string
}

/** The same with its units as JSON, in UTF-8. */
export type OfferChangeJson = Omit<WholeOfferChange, 'units'> & { units: Buffer }

/** Half of what RabbitMQ 4 takes: a larger message would stop the stream for good. */
const MAX_BODY_BYTES = 8 * 1024 * 1024

/** The message for `exchange` (`topology.exchanges.offers`), with routing key `<vendor>.<kind>`. */
export const toOfferMessage = (
  { traceparent, ...change }: OfferChangeJson,
  exchange: string
): OutgoingMessage => {
  const { seq, vendor, externalId, revision, kind, source, stamp, changedAt } = change
  return {
    exchange,
    routingKey: `${vendor}.${kind}`,
    body: bodyOf(change),
    properties: {
      messageId: String(seq),
      type: 'offer-change',
      contentType: 'application/json',
      timestamp: Math.floor(Date.parse(changedAt) / 1000),
      headers: {
        seq,
        vendor,
        'external-id': externalId,
        revision,
        kind,
        source,
        stamp,
        ...(traceparent === undefined ? {} : { traceparent })
      }
    }
  }
}

const END = Buffer.from('}')

/** The units are put in as they are: taking them apart and together again would say the same, and is most of the work. */
const bodyOf = ({ units, ...rest }: Omit<OfferChangeJson, 'traceparent'>): Buffer => {
  const told = JSON.stringify(rest)
  const body = Buffer.concat([Buffer.from(`${told.slice(0, -1)},"units":`), units, END])
  return body.length <= MAX_BODY_BYTES ? body : Buffer.from(told)
}

/** Reads a message of the stream. @throws EnvelopeError `ENVELOPE_INVALID` when it is none. */
export const fromOfferMessage = ({ body }: Pick<IncomingMessage, 'body'>): OfferChange => {
  let value: unknown
  try {
    value = JSON.parse(body.toString('utf8'))
  } catch (cause) {
    throw new EnvelopeError('ENVELOPE_INVALID', 'Cannot read the offer change: the body is not JSON', {
      cause
    })
  }
  if (validator.Check(value)) return value
  const [problem] = validator.Errors(value)
  throw new EnvelopeError(
    'ENVELOPE_INVALID',
    `Cannot read the offer change: ${problem?.instancePath ?? ''} ${problem?.message ?? 'is invalid'}`
  )
}
