import { createHash, timingSafeEqual } from 'node:crypto'
import { headerOf } from './headers.ts'
import { refused, type Scheme } from './scheme.ts'

const BASIC = /^Basic +([A-Za-z0-9+/]+={0,2}) *$/i

/**
 * HTTP Basic, RFC 7617. The secret is `user:password` as a whole, so a password may hold colons. Digests are compared:
 * they have one length, whatever the lengths of what was given.
 */
export const basicScheme: Scheme<Buffer> = {
  toKey: (secret) => {
    if (!/^[^:]+:./s.test(secret)) throw new Error('the secret is not user:password')
    return sha256(Buffer.from(secret, 'utf8'))
  },
  read: ({ headers }) => {
    const given = headerOf(headers, 'authorization')
    if (given === undefined) return refused('CREDENTIALS_MISSING', 'missing')
    const encoded = BASIC.exec(given)?.[1]
    if (encoded === undefined) return refused('CREDENTIALS_INVALID', 'authorization is not Basic')
    const digest = sha256(Buffer.from(encoded, 'base64'))
    return { ok: true, isMadeWith: (key) => timingSafeEqual(key, digest) }
  }
}

const sha256 = (bytes: Buffer): Buffer => createHash('sha256').update(bytes).digest()
