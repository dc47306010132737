import { Refusal } from '../errors.ts'
import type { AuthenticationCode, NotAuthenticated } from './scheme.ts'

/** What the sender is told: enough to mend it, and never which part of a guess was right. */
const DETAILS: Readonly<Record<Exclude<AuthenticationCode, 'API_KEY_MISSING'>, string>> = {
  API_KEY_INVALID: 'The API key is wrong, expired, revoked, or belongs to another source.',
  CREDENTIALS_MISSING: 'This source takes signed requests or a password, as agreed; this one has neither.',
  CREDENTIALS_INVALID:
    'The signature or password is wrong, expired or revoked, or the request was signed too long ago. Sign the bytes that are sent.',
  ADDRESS_FORBIDDEN: 'Send from the addresses that were agreed, or tell us the new ones.',
  SOURCE_MISCONFIGURED:
    'This source is not set up correctly on our side. Nothing was stored; send it again later.'
}

/** The refusal of a failed authentication. The reason stays with us. */
export const toAuthRefusal = ({ code, header }: NotAuthenticated): Refusal =>
  new Refusal(code, code === 'API_KEY_MISSING' ? keyMissing(header) : DETAILS[code])

const keyMissing = (header = 'X-API-Key'): string =>
  `Send the API key in ${header}, or in Authorization: Bearer.`
