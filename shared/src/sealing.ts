import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto'
import { Type } from 'typebox'

/**
 * Secrets that must be readable, encrypted at rest: AES-256-GCM under a master key that is only in the environment.
 *
 * A sealed secret is: version (1 byte) · id of the master key (4) · nonce (12) · ciphertext · tag (16). It is bound to
 * what it was sealed for (`context`), so that a row copied to another source does not open there.
 */
export interface Sealing {
  seal: (secret: string, context: string) => Buffer<ArrayBuffer>
  /** @throws SealError: no master key we have, or somebody has changed it. Never says what was inside. */
  open: (sealed: Uint8Array, context: string) => string
  /** Whether it is sealed with the newest master key; the others can go when all are. */
  isCurrent: (sealed: Uint8Array) => boolean
}

export class SealError extends Error {
  override readonly name = 'SealError'
}

const MASTER_KEY = '^[A-Za-z0-9+/]{43}=$'

/** Settings of everybody who opens or seals secrets. Optional: a house with API keys only has no secrets. */
export const SealingConfig = {
  SLUICE_SECRETS_KEY: Type.Optional(
    Type.String({
      pattern: MASTER_KEY,
      description: 'Master key of stored secrets, 32 bytes in base64: openssl rand -base64 32'
    })
  ),
  SLUICE_SECRETS_KEY_PREVIOUS: Type.Optional(
    Type.String({
      pattern: MASTER_KEY,
      description: 'The master key before, while `sluice secrets reseal` has not run'
    })
  )
}

const VERSION = 1
const KEY_BYTES = 32
const KEY_ID_BYTES = 4
const NONCE_BYTES = 12
const TAG_BYTES = 16
const HEADER_BYTES = 1 + KEY_ID_BYTES
const ALGORITHM = 'aes-256-gcm'

interface MasterKey {
  id: Buffer
  bytes: Buffer
}

/** `undefined` without a master key: then nothing can be sealed or opened. */
export const createSealing = (config: {
  SLUICE_SECRETS_KEY?: string
  SLUICE_SECRETS_KEY_PREVIOUS?: string
}): Sealing | undefined => {
  const { SLUICE_SECRETS_KEY: current, SLUICE_SECRETS_KEY_PREVIOUS: previous } = config
  if (current === undefined) return undefined
  const newest = toMasterKey(current)
  const keys = previous === undefined ? [newest] : [newest, toMasterKey(previous)]

  return {
    seal: (secret, context) => {
      const nonce = randomBytes(NONCE_BYTES)
      const header = Buffer.concat([Buffer.of(VERSION), newest.id])
      const cipher = createCipheriv(ALGORITHM, newest.bytes, nonce).setAAD(toAad(header, context))
      return Buffer.concat([
        header,
        nonce,
        cipher.update(secret, 'utf8'),
        cipher.final(),
        cipher.getAuthTag()
      ])
    },
    open: (sealed, context) => {
      const bytes = Buffer.from(sealed)
      if (bytes.length < HEADER_BYTES + NONCE_BYTES + TAG_BYTES || bytes[0] !== VERSION) {
        throw new SealError('this is not a sealed secret of a version we know')
      }
      const header = bytes.subarray(0, HEADER_BYTES)
      // oxlint-disable-next-line house/constant-time -- ids of master keys stand beside what they seal
      const key = keys.find(({ id }) => id.equals(keyIdOf(bytes)))
      if (key === undefined) throw new SealError('the secret is sealed with a master key we do not have')
      const nonce = bytes.subarray(HEADER_BYTES, HEADER_BYTES + NONCE_BYTES)
      const decipher = createDecipheriv(ALGORITHM, key.bytes, nonce, { authTagLength: TAG_BYTES })
        .setAAD(toAad(header, context))
        .setAuthTag(bytes.subarray(-TAG_BYTES))
      try {
        const inside = decipher.update(bytes.subarray(HEADER_BYTES + NONCE_BYTES, -TAG_BYTES))
        return Buffer.concat([inside, decipher.final()]).toString('utf8')
      } catch {
        throw new SealError('the secret was changed, or belongs to another source')
      }
    },
    // oxlint-disable-next-line house/constant-time -- ids of master keys, again
    isCurrent: (sealed) => keyIdOf(Buffer.from(sealed)).equals(newest.id)
  }
}

/** What a secret of a source is bound to. */
export const secretContext = (sourceId: number): string => `source-secret:${sourceId}`

const toMasterKey = (base64: string): MasterKey => {
  const bytes = Buffer.from(base64, 'base64')
  if (bytes.length !== KEY_BYTES) throw new SealError('a master key is 32 bytes in base64')
  return {
    id: createHash('sha256').update('sluice master key').update(bytes).digest().subarray(0, KEY_ID_BYTES),
    bytes
  }
}

const keyIdOf = (sealed: Buffer): Buffer => sealed.subarray(1, HEADER_BYTES)

const toAad = (header: Buffer, context: string): Buffer =>
  Buffer.concat([header, Buffer.from(context, 'utf8')])
