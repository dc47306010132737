import type { IncomingHttpHeaders } from 'node:http'

/** The one value of a header; an empty one was not sent. Node joins repeated headers, which then match nothing. */
export const headerOf = (headers: IncomingHttpHeaders, name: string): string | undefined => {
  const value = headers[name]
  return typeof value === 'string' && value !== '' ? value : undefined
}
