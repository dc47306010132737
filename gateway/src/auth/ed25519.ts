import { createPublicKey, verify, type KeyObject } from 'node:crypto'

const SIGNATURE_BYTES = 64

/** A public key of 32 bytes as OpenSSL takes it. */
export const toEd25519Key = (bytes: Buffer): KeyObject =>
  createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: bytes.toString('base64url') }, format: 'jwk' })

/** There is no secret on this side, so nothing a clock could tell. About 0.16 ms. */
export const isSignedByEd25519 = (key: KeyObject, content: Buffer, signature: Buffer): boolean =>
  signature.length === SIGNATURE_BYTES && verify(null, content, key, signature)
