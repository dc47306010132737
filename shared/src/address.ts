import { isAbsolute } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Where a feed is: an http(s) URL, a `file:` URL or an absolute path. */
export type Address = { kind: 'http'; url: URL } | { kind: 'file'; path: string }

/** `undefined` when the text is none of these. */
export const parseAddress = (text: string): Address | undefined => {
  if (isAbsolute(text)) return { kind: 'file', path: text }
  try {
    const url = new URL(text)
    if (url.protocol === 'http:' || url.protocol === 'https:') return { kind: 'http', url }
    return url.protocol === 'file:' ? { kind: 'file', path: fileURLToPath(url) } : undefined
  } catch {
    return undefined // not a URL, or a file URL with a host
  }
}
