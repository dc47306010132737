import {
  ConflictError,
  DataError,
  DependencyError,
  EnvelopeError,
  ExhaustedError,
  RecordError
} from '@sluice/shared/errors'
import { RETRY_STEPS } from '@sluice/shared/topology'

/**
 * What is to be done about a failure.
 * - `reject`: a rejection in the books, reported, acknowledged, never tried again
 * - `again`: once more at once, in process
 * - `hold`: kept in hand until the dependency is back; costs no attempt
 * - `retry`: a copy on that step of the retry ladder, then acknowledged
 * - `bury`: a copy to the dead letters, then acknowledged
 */
export type Decision =
  | { do: 'reject'; problem: RecordError | DataError }
  | { do: 'again' }
  | { do: 'hold'; cause: DependencyError }
  | Climb

export type Climb = { do: 'retry'; step: string } | { do: 'bury' }

/** Conflicts in a row before a message takes the ladder; each round one writer of an offer wins, and few meet. */
const MAX_CONFLICTS = 20

interface Circumstances {
  attempt?: number
  /** How often in a row it met another writer. */
  conflicts?: number
  /** It was tried by itself because the batch it came in was too much for Postgres again and again. */
  isAlone?: boolean
}

/** The one place where the class of an error decides the fate of a message. Pure. */
export const decide = (
  error: Error,
  { attempt = 0, conflicts = 0, isAlone = false }: Circumstances = {}
): Decision => {
  if (error instanceof RecordError || error instanceof DataError) return { do: 'reject', problem: error }
  if (error instanceof EnvelopeError) return { do: 'bury' }
  if (error instanceof ExhaustedError && isAlone) return climb(attempt)
  // Only Postgres is waited for: Redis is never needed, and a broker that is away has taken the delivery with it.
  if (error instanceof DependencyError && error.dependency === 'postgres') return { do: 'hold', cause: error }
  if (error instanceof ConflictError && conflicts < MAX_CONFLICTS) return { do: 'again' }
  return climb(attempt)
}

/** The next step of the ladder for a message that has climbed `attempt` of them; above the last there is only death. */
export const climb = (attempt: number): Climb => {
  const step = RETRY_STEPS[attempt]
  return step === undefined ? { do: 'bury' } : { do: 'retry', step: step.name }
}
