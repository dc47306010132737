import { codeOf, toError } from '@sluice/shared/errors'
import { withoutSecrets } from '@sluice/shared/log'
import { RunError, TransientError } from '../errors.ts'

/** What the SFTP client throws, by what it means. */
export const toSftpError = (thrown: unknown, url: URL): unknown => {
  const error = toError(thrown)
  if (error instanceof RunError) return error
  const place = withoutSecrets(url.href)
  if (/authentication methods failed|permission denied/i.test(error.message)) {
    return new RunError('FETCH_DENIED', `${place}: ${error.message}`)
  }
  if (/private ?key|passphrase/i.test(error.message)) {
    return new RunError('FETCH_CREDENTIALS', `The private key for ${place} cannot be used: ${error.message}`)
  }
  if (/took longer than|Timed out/i.test(error.message)) {
    return new TransientError('FETCH_STALLED', `${place} was silent for too long`)
  }
  return /ERR_GENERIC_CLIENT|ERR_NOT_CONNECTED/.test(codeOf(error)) ||
    /end event|close event|handshake|no response/i.test(error.message)
    ? new TransientError('FETCH_UNREACHABLE', `${place}: ${error.message}`)
    : error
}
