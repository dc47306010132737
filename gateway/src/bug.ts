import { SluiceError, toError } from '@sluice/shared/errors'
import { redactText } from '@sluice/shared/redact'

const UNTOLD = '(not told: it may quote the request)'
const MAX_CAUSES = 5

/**
 * A bug as it may be told to log and Sentry: where it is and of what kind, but not in its own words. Engine and libraries
 * quote what they were given, and here that came from a sender: a key, a password, somebody's address. What we throw
 * ourselves never quotes a value and keeps its words.
 */
export const toTellable = (thrown: unknown, depth = 0): Error => {
  const error = toError(thrown)
  const message = error instanceof SluiceError ? redactText(error.message) : UNTOLD
  const cause = thrown instanceof Error ? thrown.cause : undefined
  const told = new Error(
    message,
    cause === undefined || depth >= MAX_CAUSES ? undefined : { cause: toTellable(cause, depth + 1) }
  )
  told.name = error.name
  told.stack = [`${error.name}: ${message}`, ...framesOf(error)].join('\n')
  return 'code' in error && typeof error.code === 'string' ? Object.assign(told, { code: error.code }) : told
}

/** The stack begins with the message, which may be of several lines and look like anything. */
const framesOf = ({ stack = '', message }: Error): readonly string[] => {
  const start = stack.indexOf(message)
  const frames = start < 0 ? '' : stack.slice(start + message.length)
  return frames.split('\n').filter((line) => /^\s+at /.test(line))
}
