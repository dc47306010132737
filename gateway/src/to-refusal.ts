import { codeOf } from '@sluice/shared/errors'
import { Refusal } from './errors.ts'
import { MAX_BODY_BYTES } from './limits.ts'

/** What the sender is told of anything thrown. What is not a refusal is a bug of ours, and says nothing about itself. */
export const toRefusal = (thrown: unknown): Refusal => {
  if (thrown instanceof Refusal) return thrown
  const known = isHangUp(thrown) ? cutShort : FASTIFY_ERRORS[codeOf(thrown)]
  if (known !== undefined) return known(thrown)
  if (statusOf(thrown) < 500) {
    return new Refusal('REQUEST_INVALID', 'The request cannot be read.', { cause: thrown })
  }
  return new Refusal(
    'INTERNAL',
    'Nothing was stored. Send the same request again, or tell us the requestId.',
    {
      cause: thrown
    }
  )
}

const cutShort = (cause: unknown): Refusal =>
  new Refusal('BODY_CUT_SHORT', 'The body is not as long as the headers said. Send it again.', { cause })

const badPath = (cause: unknown): Refusal =>
  new Refusal('ROUTE_UNKNOWN', 'There is nothing at this address. Send to POST /webhooks/{source}.', {
    cause
  })

/** https://fastify.dev/docs/latest/Reference/Errors/, those a request can cause. */
const FASTIFY_ERRORS: Readonly<Record<string, (cause: unknown) => Refusal>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: (cause) =>
    new Refusal(
      'BODY_TOO_LARGE',
      `The body is larger than ${MAX_BODY_BYTES} bytes; send fewer records a request.`,
      {
        cause
      }
    ),
  FST_ERR_CTP_INVALID_MEDIA_TYPE: (cause) =>
    new Refusal('CONTENT_TYPE_UNSUPPORTED', 'Send JSON, with the header Content-Type: application/json.', {
      cause
    }),
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: cutShort,
  FST_ERR_BAD_URL: badPath,
  FST_ERR_MAX_PARAM_LENGTH: badPath
}

/** The sender is gone. Node makes this error itself; one of a connection of ours names the system call that failed. */
const isHangUp = (thrown: unknown): boolean =>
  codeOf(thrown) === 'ECONNRESET' && thrown instanceof Error && !('syscall' in thrown)

const statusOf = (thrown: unknown): number =>
  typeof thrown === 'object' &&
  thrown !== null &&
  'statusCode' in thrown &&
  typeof thrown.statusCode === 'number'
    ? thrown.statusCode
    : 500
