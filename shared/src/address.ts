import { isAbsolute } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Where a feed is: a URL of a server, a `file:` URL or an absolute path. */
export type Address =
  | { kind: 'http'; url: URL }
  | { kind: 'ftp'; url: URL }
  | { kind: 'sftp'; url: URL }
  | { kind: 'file'; path: string }

const KINDS: ReadonlyMap<string, 'http' | 'ftp' | 'sftp'> = new Map([
  ['http:', 'http'],
  ['https:', 'http'],
  ['ftp:', 'ftp'],
  ['ftps:', 'ftp'],
  ['sftp:', 'sftp']
])

/** User and password that stand in a URL itself; `undefined` when there are none. */
export const userInfoOf = ({ username, password }: URL): { user: string; password: string } | undefined =>
  username === '' && password === '' ? undefined : { user: decoded(username), password: decoded(password) }

const decoded = (text: string): string => {
  try {
    return decodeURIComponent(text)
  } catch {
    return text // a percent sign that was meant as one
  }
}

/** `undefined` when the text is none of these, or names no host. */
export const parseAddress = (text: string): Address | undefined => {
  if (isAbsolute(text)) return { kind: 'file', path: text }
  try {
    const url = new URL(text)
    const kind = KINDS.get(url.protocol)
    if (kind !== undefined) return url.hostname === '' ? undefined : { kind, url }
    return url.protocol === 'file:' ? { kind: 'file', path: fileURLToPath(url) } : undefined
  } catch {
    return undefined // not a URL, or a file URL with a host
  }
}
