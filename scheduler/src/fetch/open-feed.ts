import { parseAddress } from '@sluice/shared/address'
import { withoutSecrets } from '@sluice/shared/log'
import { RunError } from '../errors.ts'
import type { FeedBody, FetchRules } from './body.ts'
import { openFile } from './file.ts'
import { openHttp } from './http.ts'

/**
 * Opens a feed; ending the iteration of its bytes, or aborting, closes it.
 * @throws RunError `FETCH_…`
 */
export const openFeed = async (
  address: string | undefined,
  rules: FetchRules,
  signal: AbortSignal
): Promise<FeedBody> => {
  const place = parseAddress(address ?? '')
  if (place === undefined) {
    throw new RunError(
      'FETCH_ADDRESS',
      `The address of the feed is no http(s) URL, file URL or absolute path: "${withoutSecrets(address ?? '')}"`
    )
  }
  return place.kind === 'file' ? openFile(place.path) : openHttp(place.url, rules, signal)
}
