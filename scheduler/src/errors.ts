import { SluiceError, type ErrorDetails } from '@sluice/shared/errors'

/**
 * Why a run ends other than well. The code is stored with the run; the message is read by whoever asks why the
 * vendor's offers are not up to date.
 *
 * | code | what happened |
 * |---|---|
 * | `FEED_FORMAT` | the source's format has no feed, or does not exist |
 * | `FETCH_ADDRESS` | the address is no URL of a kind we fetch, and no absolute path |
 * | `FETCH_EGRESS` | the address, or one it redirects to, is private; `SCHEDULER_EGRESS_ALLOW` allows it |
 * | `FETCH_NOT_FOUND` | 404, 410, no such file |
 * | `FETCH_DENIED` | the FTP or SFTP server does not let us in, or not at the file |
 * | `FETCH_CREDENTIALS` | our credentials cannot be used: none stored, or sealed with a key we do not have |
 * | `FETCH_HOST_KEY` | the SFTP server's key is not the pinned one, or none is pinned |
 * | `FETCH_STATUS` | any other answer than 200 |
 * | `FETCH_REDIRECTS` | too many redirects, or one that leads nowhere |
 * | `FETCH_UNREACHABLE` | name, connection or TLS |
 * | `FETCH_TIMEOUT` | connecting (FTP: and logging in), or the whole download, took too long |
 * | `FETCH_STALLED` | silence for too long |
 * | `FETCH_CUT_SHORT` | the connection ended before the body did |
 * | `FETCH_TOO_LARGE` | more bytes than allowed |
 * | `FETCH_ENCODING` | a content encoding nobody asked for |
 * | `FETCH_INFLATE_RATIO` | a compressed answer grows beyond all proportion |
 * | `UNPACK_DAMAGED` | the zip archive or gzip file is damaged (partial if something came before) |
 * | `UNPACK_CUT_SHORT` | the gzip file ends too early (partial) |
 * | `UNPACK_ENTRY` | no file in the zip archive, or none of the name |
 * | `UNPACK_ENTRIES` | more files in the zip archive than anybody packs |
 * | `UNPACK_PATH` | a name in the zip archive that leads out of it |
 * | `UNPACK_ENCRYPTED` | the file in the zip archive has a password |
 * | `UNPACK_METHOD` | the file in the zip archive is compressed in a way we do not know |
 * | `UNPACK_INFLATE_RATIO` | a packed file grows beyond all proportion |
 * | `UNPACK_TOO_LARGE` | more bytes than allowed once unpacked |
 * | `FETCH_UPLOADING` | the file is still being uploaded, or its done-file is missing |
 * | `FETCH_CHANGED` | the file was replaced while it was read (partial) |
 * | `FETCH_PAGES` | pages without end, or a next page that leads back or where we do not follow |
 * | `FETCH_SETTINGS` | the settings of the source do not fit its address, or cannot be read |
 * | `SPOOL_FULL` | the disk of the spool would fall under its reserve |
 * | `FEED_…` | what the reader says of the file: `DocumentFaultCode` in `@sluice/shared/records` |
 * | `FEED_RECORDS` | the file is sound, some of its records are not (partial, not failed) |
 * | `SETTLE_TIMEOUT` | the workers settled nothing for too long |
 * | `RUN_SUPERSEDED` | another scheduler took over |
 * | `RUN_STOPPED` | the scheduler was stopped; the run is done again from the start |
 * | `RUN_STORE` | Postgres was not available; the run is done again from the start |
 * | `RUN_BUG` | our own mistake; Sentry has it |
 */
export class RunError extends SluiceError {}

/** It may well work in a moment: tried again, a few times. */
export class TransientError extends RunError {
  /** How long the other side asks us to wait. */
  readonly retryAfterMs: number | undefined

  constructor(
    code: string,
    message: string,
    { retryAfterMs, ...details }: ErrorDetails & { retryAfterMs?: number } = {}
  ) {
    super(code, message, details)
    this.retryAfterMs = retryAfterMs
  }
}

/** The body ended too early, but what came is worth reading: if no further attempt brings more, the run goes on and is partial. */
export class CutShortError extends TransientError {}
