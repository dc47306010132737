import { createHash, createHmac, createPrivateKey, generateKeyPairSync, randomBytes, sign } from 'node:crypto'

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
   * What a request that is accepted must still carry, by header (`''`: the address): no request without it can have been
   * made by the sender. The last characters of base64 may differ and mean the same bytes, so they are left out.
   */
  essentialsOf: (headers: Readonly<Record<string, string>>) => Record<string, string>
  /** Whether the body is signed. */
  signsBody: boolean
}

const PUBLIC_URL = 'https://hooks.example.com'
const nowSeconds = (): string => String(Math.floor(Date.now() / 1000))
const hmac = (algorithm: string, key: string | Buffer, ...parts: readonly (string | Buffer)[]): Buffer => {
  const made = createHmac(algorithm, key)
  for (const part of parts) made.update(part)
  return made.digest()
}
const text = (): string => randomBytes(24).toString('base64url')
const withoutTail = (headers: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, value.slice(0, -3)]))

const keyPair = () => {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519')
  const bytes = publicKey.export({ type: 'spki', format: 'der' }).subarray(-32)
  const key = createPrivateKey(privateKey.export({ type: 'pkcs8', format: 'pem' }))
  return { bytes, sign: (content: Buffer) => sign(null, content, key) }
}

/** One of every scheme the gateway knows. */
export const createSenders = (): Sender[] => {
  const signed = { essentialsOf: withoutTail, signsBody: true }
  const secret = text()
  const key = text()
  const password = `crm:pass:${text()}`
  const standard = randomBytes(32)
  const asymmetric = keyPair()
  const reapit = keyPair()
  return [
    {
      scheme: 'api-key',
      auth: { scheme: 'api-key' },
      secret: key,
      headersOf: () => ({ 'x-api-key': key }),
      essentialsOf: () => ({ 'x-api-key': key }),
      signsBody: false
    },
    {
      scheme: 'api-key in the query',
      auth: { scheme: 'api-key', query: 'key' },
      secret: key,
      query: `?key=${key}`,
      headersOf: () => ({}),
      essentialsOf: () => ({ '': key }),
      signsBody: false
    },
    {
      scheme: 'basic',
      auth: { scheme: 'basic' },
      secret: password,
      headersOf: () => ({ authorization: `Basic ${Buffer.from(password).toString('base64')}` }),
      essentialsOf: withoutTail,
      signsBody: false
    },
    {
      scheme: 'github',
      auth: { scheme: 'github' },
      secret,
      headersOf: (body) => ({
        'x-hub-signature-256': `sha256=${hmac('sha256', secret, body).toString('hex')}`
      }),
      ...signed
    },
    {
      scheme: 'shopify',
      auth: { scheme: 'shopify' },
      secret,
      headersOf: (body) => ({ 'x-shopify-hmac-sha256': hmac('sha256', secret, body).toString('base64') }),
      ...signed
    },
    {
      scheme: 'stripe',
      auth: { scheme: 'stripe' },
      secret,
      headersOf: (body) => {
        const at = nowSeconds()
        return {
          'stripe-signature': `t=${at},v1=${hmac('sha256', secret, `${at}.`, body).toString('hex')}`
        }
      },
      // Between the two, others may stand: a rotation has several signatures.
      essentialsOf: (headers) => ({ 'stripe-signature': headers['stripe-signature']?.slice(-64) ?? '' }),
      signsBody: true
    },
    {
      scheme: 'hubspot-v3',
      auth: { scheme: 'hubspot-v3', publicUrl: PUBLIC_URL },
      secret,
      headersOf: (body, path) => {
        const at = String(Date.now())
        return {
          'x-hubspot-request-timestamp': at,
          'x-hubspot-signature-v3': hmac('sha256', secret, 'POST', PUBLIC_URL, path, body, at).toString(
            'base64'
          )
        }
      },
      ...signed
    },
    {
      scheme: 'slack',
      auth: { scheme: 'slack' },
      secret,
      headersOf: (body) => {
        const at = nowSeconds()
        return {
          'x-slack-request-timestamp': at,
          'x-slack-signature': `v0=${hmac('sha256', secret, `v0:${at}:`, body).toString('hex')}`
        }
      },
      ...signed
    },
    {
      scheme: 'hmac sha512 base64url',
      auth: {
        scheme: 'hmac',
        algorithm: 'sha512',
        encoding: 'base64url',
        header: 'x-signature',
        template: '{body}'
      },
      secret,
      headersOf: (body) => ({ 'x-signature': hmac('sha512', secret, body).toString('base64url') }),
      ...signed
    },
    {
      scheme: 'standard-webhooks v1',
      auth: { scheme: 'standard-webhooks' },
      secret: `whsec_${standard.toString('base64')}`,
      headersOf: (body) => {
        const [id, at] = [idOf(body), nowSeconds()]
        return {
          'webhook-id': id,
          'webhook-timestamp': at,
          'webhook-signature': `v1,${hmac('sha256', standard, `${id}.${at}.`, body).toString('base64')}`
        }
      },
      ...signed
    },
    {
      scheme: 'standard-webhooks v1a',
      auth: { scheme: 'standard-webhooks' },
      secret: `whpk_${asymmetric.bytes.toString('base64')}`,
      headersOf: (body) => {
        const [id, at] = [idOf(body), nowSeconds()]
        const content = Buffer.concat([Buffer.from(`${id}.${at}.`), body])
        return {
          'webhook-id': id,
          'webhook-timestamp': at,
          'webhook-signature': `v1a,${asymmetric.sign(content).toString('base64')}`
        }
      },
      ...signed
    },
    {
      scheme: 'reapit',
      auth: { scheme: 'reapit' },
      secret: reapit.bytes.toString('base64url'),
      headersOf: (body) => {
        const at = nowSeconds()
        const signature = reapit.sign(Buffer.concat([Buffer.from(at), body])).toString('base64url')
        return { 'x-signature': `s:key:${at}:${signature}` }
      },
      // The id of the key, in front, is not signed and says nothing we go by.
      essentialsOf: (headers) => ({ 'x-signature': headers['x-signature']?.slice(-86, -3) ?? '' }),
      signsBody: true
    }
  ]
}

const idOf = (body: Buffer): string => `msg_${createHash('sha256').update(body).digest('hex').slice(0, 24)}`
