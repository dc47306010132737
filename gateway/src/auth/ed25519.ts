import { createPublicKey, verify, type KeyObject } from 'node:crypto'
import { isSameDigest } from '@sluice/shared/keys'

const SIGNATURE_BYTES = 64

/** A public key of 32 bytes as OpenSSL takes it. */
export const toEd25519Key = (bytes: Buffer): KeyObject =>
  createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: bytes.toString('base64url') }, format: 'jwk' })

/**
 * There is no secret on this side, so nothing a clock could tell. About 0.16 ms. A signature is taken only as its encoder
 * writes it: `Buffer.from` reads over whatever is none of its characters, and one signature would have many spellings.
 */
export const isSignedByEd25519 = (
  key: KeyObject,
  content: Buffer,
  signature: string,
  encoding: 'base64' | 'base64url'
): boolean => {
  const bytes = Buffer.from(signature, encoding)
  return (
    bytes.length === SIGNATURE_BYTES &&
    isSameDigest(bytes.toString(encoding), signature) &&
    verify(null, content, key, bytes)
  )
}
