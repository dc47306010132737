import { hash } from 'node:crypto'

export type MacAlgorithm = 'sha256' | 'sha512'

/** A secret as HMAC begins with it: what is hashed ahead of the message, and ahead of the message's digest. */
export interface MacKey {
  algorithm: MacAlgorithm
  inner: Buffer
  outer: Buffer
}

const BLOCK_BYTES = { sha256: 64, sha512: 128 } as const
const INNER = 0x36
const OUTER = 0x5c

/** @param secret of any length but none */
export const toMacKey = (algorithm: MacAlgorithm, secret: Buffer): MacKey => {
  const length = BLOCK_BYTES[algorithm]
  const block = Buffer.alloc(length)
  const short = secret.length > length ? hash(algorithm, secret, 'buffer') : secret
  short.copy(block)
  return { algorithm, inner: padded(block, INNER), outer: padded(block, OUTER) }
}

/**
 * HMAC of all parts together (RFC 2104): the hash of a hash. Node's own makes an object of OpenSSL for each request and
 * leaves it to the garbage collector, at three times the price (measured, at full load); its two hashes are the same.
 */
export const macOf = (
  { algorithm, inner, outer }: MacKey,
  parts: readonly Buffer[],
  encoding: 'hex' | 'base64' | 'base64url'
): string => {
  const digest = hash(algorithm, Buffer.concat([inner, ...parts]), 'buffer')
  return hash(algorithm, Buffer.concat([outer, digest]), encoding)
}

const padded = (block: Buffer, pad: number): Buffer => Buffer.from(block.map((byte) => byte ^ pad))
