import { Type, type Static, type TProperties } from 'typebox'

/**
 * How the senders of a webhook are known: `sources.auth`, one schema a scheme. What is secret is never here; API keys
 * and secrets have tables of their own. A field that no scheme knows is refused: a misspelt one would weaken the door.
 */

const HeaderName = Type.String({ pattern: '^[A-Za-z0-9-]{1,64}$' })
const ToleranceSeconds = Type.Integer({ minimum: 1, maximum: 86_400 })
const PublicUrl = Type.String({
  pattern: '^https?://[^/?#\\s]+(/[^?#\\s]*[^/?#\\s])?$',
  description: 'What senders put before the path: https://hooks.example.com'
})

const settings = <P extends TProperties>(properties: P) =>
  Type.Object(
    {
      ...properties,
      allowFrom: Type.Optional(
        Type.Array(Type.String(), {
          minItems: 1,
          maxItems: 200,
          description: 'Addresses and CIDR ranges; requests from elsewhere are refused before anything else'
        })
      )
    },
    { additionalProperties: false }
  )

export const ApiKeyAuthSchema = settings({
  scheme: Type.Literal('api-key'),
  header: Type.Optional(HeaderName),
  query: Type.Optional(
    Type.String({
      pattern: '^[A-Za-z0-9_.-]{1,64}$',
      description: 'Weaker: a query ends up in the logs of every proxy on the way'
    })
  )
})
export type ApiKeyAuth = Static<typeof ApiKeyAuthSchema>

/** The secret is `user:password`; only the first colon divides, so a password may hold more. */
export const BasicAuthSchema = settings({ scheme: Type.Literal('basic') })
export type BasicAuth = Static<typeof BasicAuthSchema>

/** A signature that is an HMAC, as data. */
const HmacRule = {
  algorithm: Type.Enum(['sha256', 'sha512']),
  encoding: Type.Enum(['hex', 'base64', 'base64url']),
  /** How the secret itself is written; `text` signs with its characters as they stand. */
  secretEncoding: Type.Optional(Type.Enum(['text', 'hex', 'base64'])),
  /** Where the signature is. */
  header: HeaderName,
  /** What stands before each signature. */
  prefix: Type.Optional(Type.String({ minLength: 1, maxLength: 32 })),
  /** Between several signatures, or between the parts of a header like `t=…,v1=…`. */
  separator: Type.Optional(Type.String({ minLength: 1, maxLength: 4 })),
  /** What is signed: `{body}`, `{timestamp}`, `{method}`, `{url}`, `{header:name}` and text between them. */
  template: Type.String({ minLength: 1, maxLength: 256 }),
  timestampHeader: Type.Optional(HeaderName),
  /** What stands before the timestamp, where its header holds several parts. */
  timestampPrefix: Type.Optional(Type.String({ minLength: 1, maxLength: 32 })),
  timestampUnit: Type.Optional(Type.Enum(['seconds', 'milliseconds'])),
  toleranceSeconds: Type.Optional(ToleranceSeconds),
  publicUrl: Type.Optional(PublicUrl),
  /** Characters of which the sender signs the plain form where the URL has `%XX`. */
  urlDecodes: Type.Optional(Type.String({ minLength: 1, maxLength: 32 })),
  /** A header with the id of the event; the template must cover it. */
  eventIdHeader: Type.Optional(HeaderName),
  /** Steps to the id of the event in a JSON body. */
  eventIdPath: Type.Optional(
    Type.Array(Type.String({ minLength: 1, maxLength: 64 }), { minItems: 1, maxItems: 8 })
  )
}
export const HmacAuthSchema = settings({ scheme: Type.Literal('hmac'), ...HmacRule })
export type HmacAuth = Static<typeof HmacAuthSchema>

/** https://www.standardwebhooks.com: secrets `whsec_…` for `v1`, public keys `whpk_…` for `v1a`. */
export const StandardWebhooksAuthSchema = settings({
  scheme: Type.Literal('standard-webhooks'),
  toleranceSeconds: Type.Optional(ToleranceSeconds)
})
export type StandardWebhooksAuth = Static<typeof StandardWebhooksAuthSchema>

/** Ed25519 over timestamp and body; the secret is Reapit's public key. */
export const ReapitAuthSchema = settings({
  scheme: Type.Literal('reapit'),
  toleranceSeconds: Type.Optional(ToleranceSeconds)
})
export type ReapitAuth = Static<typeof ReapitAuthSchema>

/** What a source may say beside the name of a preset. */
export const PresetAuthSchema = settings({
  scheme: Type.String(),
  toleranceSeconds: Type.Optional(ToleranceSeconds),
  publicUrl: Type.Optional(PublicUrl)
})
export type PresetAuth = Static<typeof PresetAuthSchema>
