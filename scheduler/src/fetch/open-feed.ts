import { parseAddress } from '@sluice/shared/address'
import { withoutSecrets } from '@sluice/shared/log'
import { RunError } from '../errors.ts'
import type { FeedBody, FetchRequest, FetchRules, NotModified } from './body.ts'
import { openFile } from './file.ts'
import { openFtp } from './ftp.ts'
import { openHttp } from './http.ts'
import { openSftp } from './sftp.ts'

/**
 * Opens a feed. Whoever opens it aborts when done: that is what closes every connection.
 * @throws RunError `FETCH_…`
 */
export const openFeed = async (
  request: FetchRequest,
  rules: FetchRules,
  signal: AbortSignal
): Promise<FeedBody | NotModified> => {
  const place = parseAddress(request.address ?? '')
  switch (place?.kind) {
    case 'file':
      return openFile(place.path)
    case 'http':
      return openHttp(place.url, request, rules, signal)
    case 'ftp':
      return openFtp(place.url, request, rules, signal)
    case 'sftp':
      return openSftp(place.url, request, rules, signal)
    default:
      throw new RunError(
        'FETCH_ADDRESS',
        `This is no URL of a kind we fetch, and no absolute path: "${withoutSecrets(request.address ?? '')}"`
      )
  }
}
