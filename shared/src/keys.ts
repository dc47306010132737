import { hash, randomBytes, timingSafeEqual } from 'node:crypto'

/** An API key: shown once when made, kept only as a digest. */
export interface NewKey {
  /** `slk_` and 43 characters of base64url: 256 random bits. */
  key: string
  prefix: string
  /** Hex sha256. A key is 256 bits of chance, so a fast hash is enough: there is nothing to guess. */
  digest: string
}

const KEY_BYTES = 32
const PREFIX_LENGTH = 12

export const createKey = (): NewKey => {
  const key = `slk_${randomBytes(KEY_BYTES).toString('base64url')}`
  return { key, prefix: keyPrefix(key), digest: keyDigest(key) }
}

export const keyDigest = (key: string): string => hash('sha256', key)

/** The part of a key that may be shown, so that people can tell keys apart. */
export const keyPrefix = (key: string): string => key.slice(0, PREFIX_LENGTH)

/** Whether two digests of `keyDigest` are the same, in a time that does not tell where they differ. */
export const isSameDigest = (a: string, b: string): boolean => {
  const left = Buffer.from(a, 'utf8')
  const right = Buffer.from(b, 'utf8')
  return left.length === right.length && timingSafeEqual(left, right)
}
