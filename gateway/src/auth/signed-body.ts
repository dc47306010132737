import { isUtf8 } from 'node:buffer'
import type { Challenge } from '@sluice/shared/auth'
import type { ChallengeReply } from './scheme.ts'

/** What a JSON body says about the delivery itself. To be asked only once a signature has proved the body. */

/** An id is remembered in Redis; one longer than this is no id. */
export const MAX_EVENT_ID_LENGTH = 256
/** The vendors' own pings have some hundred bytes. */
const MAX_CHALLENGE_BYTES = 16_384

/**
 * The id at a path of the body, `undefined` when there is none that can tell deliveries apart. A number beyond 2^53 is
 * none: two of them can read as one, and a delivery would be lost as a copy of another. So can two of another charset.
 */
export const eventIdIn = (body: Buffer, path: readonly string[]): string | undefined => {
  let value = toJson(body)
  for (const step of path) value = fieldOf(value, step)
  if (Number.isSafeInteger(value)) return String(value)
  return typeof value === 'string' && value !== '' && value.length <= MAX_EVENT_ID_LENGTH ? value : undefined
}

/** The answer a vendor's "are you there?" waits for; `undefined` when the body is none. */
export const challengeReply = (body: Buffer, { when, echo }: Challenge): ChallengeReply | undefined => {
  const fields = Object.entries(when)
  // oxlint-disable-next-line house/constant-time -- names of fields, in a body that is already proved
  const mentions = ([field]: [string, string | true]): boolean => body.includes(`"${field}"`)
  if (body.length > MAX_CHALLENGE_BYTES || !fields.every(mentions)) return undefined
  const json = toJson(body)
  const says = ([field, expected]: [string, string | true]): boolean => {
    const value = fieldOf(json, field)
    // oxlint-disable-next-line house/constant-time -- the vendor documents what it says
    return expected === true ? value !== undefined : value === expected
  }
  if (!fields.every(says)) return undefined
  if (echo === undefined) return { status: 200, contentType: 'application/json', body: '{}' }
  const value = fieldOf(json, echo)
  return typeof value === 'string'
    ? { status: 200, contentType: 'text/plain; charset=utf-8', body: value }
    : undefined
}

const toJson = (body: Buffer): unknown => {
  if (!isUtf8(body)) return undefined
  try {
    return JSON.parse(body.toString('utf8'))
  } catch {
    return undefined
  }
}

const fieldOf = (value: unknown, field: string): unknown =>
  typeof value === 'object' && value !== null && Object.hasOwn(value, field)
    ? (value as Record<string, unknown>)[field]
    : undefined
