import { SluiceError } from '@sluice/shared/errors'

/**
 * Why a run ends other than well. The code is stored with the run; the message is read by whoever asks why the
 * vendor's offers are not up to date.
 *
 * | code | what happened |
 * |---|---|
 * | `FEED_FORMAT` | the source's format has no feed, or does not exist |
 * | `FETCH_ADDRESS` | the address is no http(s) URL, file URL or absolute path |
 * | `FETCH_EGRESS` | the address, or one it redirects to, is private; `SCHEDULER_EGRESS_ALLOW` allows it |
 * | `FETCH_NOT_FOUND` | 404, 410, no such file |
 * | `FETCH_STATUS` | any other answer than 200 |
 * | `FETCH_REDIRECTS` | too many redirects, or one that leads nowhere |
 * | `FETCH_UNREACHABLE` | name, connection or TLS |
 * | `FETCH_TIMEOUT` | connecting, or the whole download, took too long |
 * | `FETCH_STALLED` | silence for too long |
 * | `FETCH_CUT_SHORT` | the connection ended before the body did |
 * | `FETCH_TOO_LARGE` | more bytes than allowed |
 * | `FETCH_ENCODING` | a content encoding nobody asked for |
 * | `FEED_…` | what the reader says of the file: `DocumentFaultCode` in `@sluice/shared/records` |
 * | `FEED_RECORDS` | the file is sound, some of its records are not (partial, not failed) |
 * | `SETTLE_TIMEOUT` | the workers settled nothing for too long |
 * | `RUN_SUPERSEDED` | another scheduler took over |
 * | `RUN_STOPPED` | the scheduler was stopped; the run is done again from the start |
 * | `RUN_STORE` | Postgres was not available; the run is done again from the start |
 * | `RUN_BUG` | our own mistake; Sentry has it |
 */
export class RunError extends SluiceError {}

/** The body ended too early, but what came is worth reading: the run goes on and is partial. */
export class CutShortError extends RunError {}
