import { codeOf, toError } from '@sluice/shared/errors'
import { CutShortError, RunError, TransientError } from '../errors.ts'
import type { FetchLimits } from './body.ts'

/** Trouble of a network or a server that may be over in a moment. */
const PASSING: ReadonlySet<string> = new Set([
  'EAI_AGAIN',
  'ECONNREFUSED',
  'ECONNRESET',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EPIPE',
  'ETIMEDOUT'
])

/**
 * What went wrong, by its stable code. Errors of name servers, sockets and TLS all mean that the vendor cannot be
 * reached right now; an abort is what its signal says.
 */
export const toFetchError = (
  thrown: unknown,
  signal: AbortSignal,
  { timeoutMs }: Pick<FetchLimits, 'timeoutMs'>
): Error => {
  if (signal.aborted) {
    const reason = toError(signal.reason)
    return reason.name === 'TimeoutError'
      ? new TransientError('FETCH_TIMEOUT', `The download took longer than ${timeoutMs} ms`)
      : reason
  }
  const error = toError(thrown)
  if (error instanceof RunError) return error
  const code = codeOf(error)
  if ((code === 'ECONNRESET' && error.message === 'aborted') || code.startsWith('Z_')) {
    return new TransientError('FETCH_CUT_SHORT', 'The connection ended before the whole feed had come', {
      cause: error
    })
  }
  if (code === 'UNKNOWN') return error
  const Unreachable = PASSING.has(code) ? TransientError : RunError
  return new Unreachable('FETCH_UNREACHABLE', `The feed cannot be reached: ${error.message}`, {
    cause: error
  })
}

/** The chunks of a body; what ends it too early by misfortune is a CutShortError. */
export const untilCutShort = async function* (
  chunks: AsyncIterable<Buffer>,
  signal: AbortSignal,
  limits: Pick<FetchLimits, 'timeoutMs'>
): AsyncGenerator<Buffer> {
  try {
    yield* chunks
  } catch (thrown) {
    const error = toFetchError(thrown, signal, limits)
    if (!(error instanceof TransientError)) throw error
    throw new CutShortError(error.code, error.message, { cause: thrown })
  }
}
