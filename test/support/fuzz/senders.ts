import { createHash, createHmac, createPrivateKey, createPublicKey, sign } from 'node:crypto'

/** A source as a sender knows it, and requests only that sender can make. */
export interface Sender {
  scheme: string
  auth: Record<string, unknown>
  /** As it is stored; for API keys, the key itself. */
  secret: string
  /** Query of the address it sends to. */
  query?: string
  /** Headers that make `body` a valid delivery now. */
  headersOf: (body: Buffer, path: string) => Record<string, string>
  /**
   * Whether a request still shows all that `valid` showed. It knows nothing of how the gateway looks for it: what is
   * accepted without it is a forgery.
   */
  shows: (given: Given, valid: Readonly<Record<string, string>>) => boolean
  /** Whether the body is signed. */
  signsBody: boolean
}

/** What a request carries. */
export interface Given {
  path: string
  /** Every value of a header, and all of them joined as one. */
  header: (name: string) => readonly string[]
}

const PUBLIC_URL = 'https://hooks.example.com'
const nowSeconds = (): string => String(Math.floor(Date.now() / 1000))
const hmac = (algorithm: string, key: string | Buffer, ...parts: readonly (string | Buffer)[]): Buffer => {
  const made = createHmac(algorithm, key)
  for (const part of parts) made.update(part)
  return made.digest()
}

/** The same in every run, so that a seed brings the same requests again. */
const bytesOf = (name: string): Buffer => createHash('sha256').update(`fuzz ${name}`).digest()
const textOf = (name: string): string => bytesOf(name).toString('base64url')

/** RFC 8410: what stands before the 32 bytes of a private key of Ed25519. */
const PKCS8 = Buffer.from('302e020100300506032b657004220420', 'hex')

const keyPair = (name: string) => {
  const key = createPrivateKey({
    key: Buffer.concat([PKCS8, bytesOf(name)]),
    format: 'der',
    type: 'pkcs8'
  })
  const bytes = createPublicKey(key).export({ type: 'spki', format: 'der' }).subarray(-32)
  return { bytes, sign: (content: Buffer) => sign(null, content, key) }
}

type Shows = Sender['shows']

/** Every header exactly as it was. */
const exactly: Shows = (given, valid) =>
  Object.entries(valid).every(([name, value]) => given.header(name).includes(value))

/** The same, but hex digits may be of either case. */
const exactlyButForCase: Shows = (given, valid) =>
  Object.entries(valid).every(([name, value]) =>
    given.header(name).some((one) => one.toLowerCase() === value.toLowerCase())
  )

/** Among the parts of one header, each of these. */
const among =
  (name: string, separator: string): Shows =>
  (given, valid) =>
    given.header(name).some((one) => {
      const parts = new Set(one.split(separator).map((part) => part.trim().toLowerCase()))
      return (valid[name] ?? '').split(separator).every((part) => parts.has(part.toLowerCase()))
    })

/** The last character of base64 holds fewer bits than it could, and padding none. */
const isSameBase64 = (one: string, other: string): boolean =>
  /^[\w+/-]*={0,2}$/.test(one) && Buffer.from(one, 'base64').equals(Buffer.from(other, 'base64'))

const showsKey =
  (key: string, query?: string): Shows =>
  ({ path, header }) =>
    header('x-api-key').includes(key) ||
    header('authorization').some((one) => /^bearer +(\S+)$/i.exec(one)?.[1] === key) ||
    (query !== undefined &&
      new URLSearchParams(path.split('?').slice(1).join('?')).getAll(query).includes(key))

const showsStandard: Shows = (given, valid) =>
  ['webhook-id', 'webhook-timestamp'].every((name) => given.header(name).includes(valid[name] ?? '')) &&
  given.header('webhook-signature').some((one) => one.split(' ').includes(valid['webhook-signature'] ?? ''))

const keySender = (scheme: string, auth: Record<string, unknown> = {}, query?: string): Sender => {
  const key = textOf(scheme)
  return {
    scheme,
    auth: { scheme: 'api-key', ...auth, ...(query === undefined ? {} : { query }) },
    secret: key,
    ...(query === undefined ? {} : { query: `?${query}=${key}` }),
    headersOf: () => (query === undefined ? { 'x-api-key': key } : {}),
    shows: showsKey(key, query),
    signsBody: false
  }
}

const basicSender = (): Sender => {
  const secret = `crm:pass:${textOf('basic')}`
  const encoded = Buffer.from(secret).toString('base64')
  return {
    scheme: 'basic',
    auth: { scheme: 'basic' },
    secret,
    headersOf: () => ({ authorization: `Basic ${encoded}` }),
    shows: ({ header }) =>
      header('authorization').some((one) => isSameBase64(/^basic +(\S+)$/i.exec(one)?.[1] ?? '', encoded)),
    signsBody: false
  }
}

interface HmacSender {
  auth?: Record<string, unknown>
  shows: Shows
  headersOf: (secret: string, body: Buffer, path: string) => Record<string, string>
}

const hmacSender = (scheme: string, { auth, shows, headersOf }: HmacSender): Sender => {
  const secret = textOf(scheme)
  return {
    scheme,
    auth: { scheme, ...auth },
    secret,
    headersOf: (body, path) => headersOf(secret, body, path),
    shows,
    signsBody: true
  }
}

const hmacSenders = (): Sender[] => [
  hmacSender('github', {
    shows: exactlyButForCase,
    headersOf: (secret, body) => ({
      'x-hub-signature-256': `sha256=${hmac('sha256', secret, body).toString('hex')}`
    })
  }),
  hmacSender('shopify', {
    shows: exactly,
    headersOf: (secret, body) => ({
      'x-shopify-hmac-sha256': hmac('sha256', secret, body).toString('base64')
    })
  }),
  hmacSender('stripe', {
    shows: among('stripe-signature', ','), // a rotation has several signatures
    headersOf: (secret, body) => {
      const at = nowSeconds()
      return { 'stripe-signature': `t=${at},v1=${hmac('sha256', secret, `${at}.`, body).toString('hex')}` }
    }
  }),
  hmacSender('hubspot-v3', {
    auth: { publicUrl: PUBLIC_URL },
    shows: exactly,
    headersOf: (secret, body, path) => {
      const at = String(Date.now())
      const signature = hmac('sha256', secret, 'POST', PUBLIC_URL, path, body, at)
      return {
        'x-hubspot-request-timestamp': at,
        'x-hubspot-signature-v3': signature.toString('base64')
      }
    }
  }),
  hmacSender('slack', {
    shows: exactlyButForCase,
    headersOf: (secret, body) => {
      const at = nowSeconds()
      return {
        'x-slack-request-timestamp': at,
        'x-slack-signature': `v0=${hmac('sha256', secret, `v0:${at}:`, body).toString('hex')}`
      }
    }
  }),
  hmacSender('hmac', {
    auth: { algorithm: 'sha512', encoding: 'base64url', header: 'x-signature', template: '{body}' },
    shows: (given, valid) =>
      given.header('x-signature').some((one) => one.replace(/=+$/, '') === valid['x-signature']),
    headersOf: (secret, body) => ({ 'x-signature': hmac('sha512', secret, body).toString('base64url') })
  })
]

const idOf = (body: Buffer): string => `msg_${createHash('sha256').update(body).digest('hex').slice(0, 24)}`

const standardSender = (
  version: 'v1' | 'v1a',
  secret: string,
  signatureOf: (content: Buffer) => Buffer
): Sender => ({
  scheme: `standard-webhooks ${version}`,
  auth: { scheme: 'standard-webhooks' },
  secret,
  headersOf: (body) => {
    const [id, at] = [idOf(body), nowSeconds()]
    const signature = signatureOf(Buffer.concat([Buffer.from(`${id}.${at}.`), body]))
    return {
      'webhook-id': id,
      'webhook-timestamp': at,
      'webhook-signature': `${version},${signature.toString('base64')}`
    }
  },
  shows: showsStandard,
  signsBody: true
})

const REAPIT = /^s:[^:]+:(\d+):(\S+)$/

const reapitSender = (): Sender => {
  const key = keyPair('reapit')
  return {
    scheme: 'reapit',
    auth: { scheme: 'reapit' },
    secret: key.bytes.toString('base64url'),
    headersOf: (body) => {
      const at = nowSeconds()
      const signature = key.sign(Buffer.concat([Buffer.from(at), body])).toString('base64url')
      return { 'x-signature': `s:key:${at}:${signature}` }
    },
    // The id of the key, in front, is not signed and says nothing we go by.
    shows: (given, valid) =>
      given.header('x-signature').some((one) => {
        const [shown, expected] = [REAPIT.exec(one), REAPIT.exec(valid['x-signature'] ?? '')]
        return shown?.[1] === expected?.[1] && shown?.[2] === expected?.[2]
      }),
    signsBody: true
  }
}

/** One of every scheme the gateway knows. */
export const createSenders = (): Sender[] => {
  const symmetric = bytesOf('standard-webhooks v1')
  const asymmetric = keyPair('standard-webhooks v1a')
  return [
    keySender('api-key'),
    keySender('api-key from an address', { allowFrom: ['127.0.0.0/8', '::1'] }),
    keySender('api-key in the query', {}, 'key'),
    basicSender(),
    ...hmacSenders(),
    standardSender('v1', `whsec_${symmetric.toString('base64')}`, (content) =>
      hmac('sha256', symmetric, content)
    ),
    standardSender('v1a', `whpk_${asymmetric.bytes.toString('base64')}`, asymmetric.sign),
    reapitSender()
  ]
}
