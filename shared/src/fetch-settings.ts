import { Type, type Static } from 'typebox'
import { Value } from 'typebox/value'

/**
 * How the file of a feed is fetched, beside its address: `sources.fetch`. What is secret is never here but sealed in
 * `source_secrets`. A field nobody knows is refused: a misspelt one would fetch something else than was meant.
 */

const User = Type.String({ pattern: '^[^\\p{Cc}:]{1,128}$' })
const Name = Type.String({ pattern: '^[A-Za-z0-9_.-]{1,64}$' })
const strict = { additionalProperties: false } as const

/** Who we are to the vendor's server; the secret is a password, a token or a private key. */
const CredentialsSchema = Type.Union([
  Type.Object({ scheme: Type.Literal('basic'), user: User }, strict),
  Type.Object({ scheme: Type.Literal('bearer') }, strict),
  Type.Object({ scheme: Type.Literal('header'), name: Name }, strict),
  Type.Object({ scheme: Type.Literal('query'), name: Name }, strict),
  Type.Object({ scheme: Type.Literal('key'), user: User }, strict)
])
export type CredentialSettings = Static<typeof CredentialsSchema>

/** How the next page of a feed that comes in several is found. */
const PagesSchema = Type.Union([
  /** `?page=1`, `?page=2`, …, until a page holds no record. */
  Type.Object(
    { by: Type.Literal('parameter'), name: Name, first: Type.Integer({ minimum: 0, maximum: 1 }) },
    strict
  ),
  /** The header `Link: <…>; rel="next"`, RFC 8288. */
  Type.Object({ by: Type.Literal('link') }, strict),
  /** A URL in the page itself, which is JSON. */
  Type.Object(
    {
      by: Type.Literal('json'),
      path: Type.Array(Type.String({ minLength: 1, maxLength: 64 }), { minItems: 1, maxItems: 8 })
    },
    strict
  )
])
export type PageRule = Static<typeof PagesSchema>

/** How an upload is known to be finished, where the vendor puts the file on a server for us. */
const UploadSchema = Type.Union([
  /** Size and time are the same twice. */
  Type.Object({ rule: Type.Literal('stable') }, strict),
  /** Another file is there, and not older: its path, in which `*` stands for the path of the feed. */
  Type.Object(
    { rule: Type.Literal('done-file'), path: Type.String({ minLength: 1, maxLength: 512 }) },
    strict
  )
])
export type UploadRule = Static<typeof UploadSchema>

const FetchSettingsSchema = Type.Object(
  {
    credentials: Type.Optional(CredentialsSchema),
    /** SFTP: the server's key, as `ssh-keygen -l` prints it. */
    hostKey: Type.Optional(Type.String({ pattern: '^SHA256:[A-Za-z0-9+/]{43}$' })),
    /** FTPS: explicit (`AUTH TLS`, the usual one) or implicit. */
    tls: Type.Optional(Type.Enum(['explicit', 'implicit'])),
    upload: Type.Optional(UploadSchema),
    pages: Type.Optional(PagesSchema),
    /** In a zip archive: the name of the feed in it, `*` standing for anything. */
    entry: Type.Optional(Type.String({ minLength: 1, maxLength: 256 })),
    /** The charset of a file that is not UTF-8 and does not say which it is. */
    charset: Type.Optional(Type.String({ pattern: '^[A-Za-z0-9_.:-]{1,40}$' }))
  },
  strict
)
export type FetchSettings = Static<typeof FetchSettingsSchema>

/** `undefined` when what is stored does not fit; nothing stored is a feed without any of it. */
export const toFetchSettings = (stored: unknown): FetchSettings | undefined => {
  const value = stored ?? {}
  return Value.Check(FetchSettingsSchema, value) ? value : undefined
}
