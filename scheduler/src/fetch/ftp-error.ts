import { FTPError } from 'basic-ftp'
import { toError } from '@sluice/shared/errors'
import { withoutSecrets } from '@sluice/shared/log'
import { RunError, TransientError } from '../errors.ts'

/** What the FTP client throws, by what it means; replies 4xx pass, 5xx stay. */
export const toFtpError = (thrown: unknown, url: URL): unknown => {
  if (thrown instanceof RunError) return thrown
  const place = withoutSecrets(url.href)
  if (thrown instanceof FTPError) {
    const message = `${place} answers ${thrown.message}`
    if (thrown.code === 530 || thrown.code === 532) return new RunError('FETCH_DENIED', message)
    if (thrown.code === 550) return new RunError('FETCH_NOT_FOUND', message)
    return thrown.code < 500
      ? new TransientError('FETCH_STATUS', message)
      : new RunError('FETCH_STATUS', message)
  }
  const error = toError(thrown)
  if (error.message.includes('PASV returned another host')) {
    return new RunError('FETCH_EGRESS', `${place} wants to send the data from another host; that is refused`)
  }
  if (error.message.startsWith('Timeout')) {
    return new TransientError('FETCH_STALLED', `${place} was silent for too long`)
  }
  // The library gives these no code.
  return /FIN packet|closed|disconnected/i.test(error.message)
    ? new TransientError('FETCH_UNREACHABLE', `${place} closed the connection, or did not answer in time`)
    : error
}
