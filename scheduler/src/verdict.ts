import { ConflictError, DependencyError, toError } from '@sluice/shared/errors'
import type { DocumentEnd } from '@sluice/shared/records'
import { RunError } from './errors.ts'

/** How a run ended; decided here and nowhere else. */
export interface Verdict {
  state: 'done' | 'failed'
  errorCode?: string
  errorMessage?: string
  /** The feed is still due: what stopped the run was not the feed, and trying again soon may help. */
  isDueAgain: boolean
  /** Our own mistake, for Sentry. */
  bug?: Error
}

/** What of a file was read: complete, or partial with the first reason why. */
export interface Reading {
  snapshot: 'complete' | 'partial'
  errorCode?: string
  errorMessage?: string
}

/** A run whose records have all settled. */
export const done = ({ errorCode, errorMessage }: Reading): Verdict => ({
  state: 'done',
  isDueAgain: false,
  ...(errorCode === undefined ? {} : { errorCode }),
  ...(errorMessage === undefined ? {} : { errorMessage })
})

/** A run that threw. */
export const failed = (thrown: unknown): Verdict => {
  const error = toError(thrown)
  const base = { state: 'failed', errorMessage: error.message } as const
  if (error instanceof RunError) {
    return { ...base, errorCode: error.code, isDueAgain: error.code === 'RUN_STOPPED' }
  }
  if (
    error instanceof ConflictError ||
    (error instanceof DependencyError && error.dependency === 'postgres')
  ) {
    return { ...base, errorCode: 'RUN_STORE', isDueAgain: true }
  }
  if (error instanceof DependencyError) return { ...base, errorCode: error.code, isDueAgain: true }
  return { ...base, errorCode: 'RUN_BUG', isDueAgain: false, bug: error }
}

/** Records that could not be read, and those among them of which nobody knows which offers they are. */
interface Unread {
  malformed: number
  unidentified: number
}

/**
 * What is known of a file once it is read. Only a file that came whole, whose end was seen, and of which it is known
 * for every record which offer it is, says what a vendor offers *no more*.
 * @throws RunError when nothing at all of it could be read: that is no partial success
 */
export const toReading = (
  end: DocumentEnd,
  { malformed, unidentified }: Unread,
  cutShort: RunError | undefined
): Reading => {
  const fault = cutShort ?? end.fault
  if (fault !== undefined) {
    const { code, message } = fault
    if (end.records + end.malformed === 0) throw new RunError(code, `Nothing could be read. ${message}`)
    return { snapshot: 'partial', errorCode: code, errorMessage: message }
  }
  if (malformed === 0) return { snapshot: 'complete' }
  return {
    snapshot: unidentified === 0 ? 'complete' : 'partial',
    errorCode: 'FEED_RECORDS',
    errorMessage: `${malformed} of the records could not be read; the problems of this run say which and why`
  }
}
