import { resolve } from 'node:path'
import { parseAddress } from '@sluice/shared/address'

/** A feed's address as a person types and reads it: a URL, or a file on the scheduler's machine. */

/** Names of query parameters that carry a secret; a feed's download key often stands there. */
const SECRET_PARAMETER = /key|token|secret|passw|pwd|auth|sig/i
const MASK = '***'

/** `acme.example/feed.xml`, `www.acme.example:8080/x`: hardly ever a folder, and its feed would fail at its first run only. */
const LIKE_A_HOST = /^[a-z0-9-]+(\.[a-z0-9-]+)*\.[a-z]{2,}(:\d+)?\//i

export type TypedAddress = { ok: true; address: string } | { ok: false; reason: string }

/** The address as it is stored; a relative path is taken from `cwd`. */
export const toAddress = (text: string, cwd: string): TypedAddress => {
  const trimmed = text.trim()
  if (trimmed === '') return { ok: false, reason: 'it is empty' }
  if (trimmed.includes('\0')) return { ok: false, reason: 'a path has no NUL character' }
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(trimmed)?.[1]?.toLowerCase()
  if (scheme === undefined && LIKE_A_HOST.test(trimmed)) {
    return {
      ok: false,
      reason: 'a URL begins with https:// or the like, and a path that looks like one with ./'
    }
  }
  const address = scheme === undefined ? resolve(cwd, trimmed) : trimmed
  const parsed = parseAddress(address)
  if (parsed !== undefined) return { ok: true, address }
  if (scheme === 'file') return { ok: false, reason: 'a file URL looks like file:///path/of/feed.xml' }
  return scheme !== undefined && /^(https?|ftps?|sftp)$/.test(scheme)
    ? { ok: false, reason: 'it is not a valid URL' }
    : { ok: false, reason: `${scheme}:// is not supported, use http(s)://, ftp(s)://, sftp:// or a path` }
}

/** The address as it may be shown: passwords, and query values that look like keys, are masked. */
export const maskAddress = (address: string): string => {
  if (!/^[a-z][a-z0-9+.-]*:\/\//i.test(address)) return address
  if (!URL.canParse(address)) return address.replace(/\/\/[^/?#]*@/, `//${MASK}@`)
  const url = new URL(address)
  if (url.password !== '') url.password = MASK
  else if (url.username !== '') url.username = MASK // a token often stands alone
  const secrets = [...url.searchParams.keys()].filter((name) => SECRET_PARAMETER.test(name))
  for (const name of secrets) url.searchParams.set(name, MASK)
  return url.toString()
}
