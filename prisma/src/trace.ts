import { AsyncLocalStorage } from 'node:async_hooks'

const traces = new AsyncLocalStorage<string>()

/**
 * Statements of `work` carry the trace as a comment, `/*traceparent='00-…'*\/` (https://google.github.io/sqlcommenter/spec):
 * it stands in `pg_stat_activity`, in the server's log of slow statements and in what `auto_explain` writes.
 */
export const withTraceparent = <T>(traceparent: string, work: () => Promise<T>): Promise<T> =>
  traces.run(traceparent, work)

/** What is to be said about the statement that is made now. */
export const traceComment = (): { traceparent?: string } => {
  const traceparent = traces.getStore()
  return traceparent === undefined ? {} : { traceparent }
}
