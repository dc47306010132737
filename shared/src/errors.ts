/**
 * The house's error classes. The class says what the broker will do with the message; the `code` (`AREA_WHAT`)
 * is stable and greppable and never changes meaning; the message is for a person and says what to do next.
 */

export interface ErrorDetails {
  /** Where in the record, as a JSON pointer: `/price`. */
  path?: string
  cause?: unknown
}

/** Base of every error we throw on purpose. */
export abstract class SluiceError extends Error {
  readonly code: string
  readonly path: string | undefined

  constructor(code: string, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause })
    this.name = new.target.name
    this.code = code
    this.path = details.path
  }
}

/** The record can never be applied as it stands → a rejection: recorded, reported, acknowledged, never retried. */
export class RecordError extends SluiceError {}

/** The message cannot be read at all → dead letter at once. */
export class EnvelopeError extends SluiceError {}

/** A dependency (Postgres, RabbitMQ, Redis) is away → deliveries are held and the dependency is probed. */
export class DependencyError extends SluiceError {
  readonly dependency: 'postgres' | 'rabbitmq' | 'redis'

  constructor(
    dependency: DependencyError['dependency'],
    code: string,
    message: string,
    details: ErrorDetails = {}
  ) {
    super(code, message, details)
    this.dependency = dependency
  }
}

/**
 * The dependency answered that one statement is too much for it (time, memory): it may be overloaded, or this record
 * alone may be to blame → held like any DependencyError; what fails alone, too, takes the ladder.
 */
export class ExhaustedError extends DependencyError {}

/** Two writers met (deadlock, serialization, lost compare-and-set) → again at once, in process. */
export class ConflictError extends SluiceError {}

/** The database refuses the data itself (SQLSTATE class 22 or 23) → the batch is bisected down to the guilty message. */
export class DataError extends SluiceError {}

/** The service cannot start as configured → every problem listed, exit 78 (EX_CONFIG of sysexits.h). */
export class ConfigError extends SluiceError {
  readonly problems: readonly string[]

  constructor(code: string, problems: readonly string[], details: ErrorDetails = {}) {
    super(code, problems.join('\n'), details)
    this.problems = problems
  }
}

/** Anything thrown, as an `Error`; a thrown non-error becomes the cause of one. */
export const toError = (thrown: unknown): Error =>
  thrown instanceof Error ? thrown : new Error(String(thrown), { cause: thrown })

/** The stable code of a thrown value: ours, Node's or the broker's; `UNKNOWN` when it has none. */
export const codeOf = (thrown: unknown): string => {
  if (typeof thrown !== 'object' || thrown === null || !('code' in thrown)) return 'UNKNOWN'
  return typeof thrown.code === 'string' || typeof thrown.code === 'number' ? String(thrown.code) : 'UNKNOWN'
}
