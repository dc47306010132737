import { isIP } from 'node:net'

const UNKNOWN = '(unknown)'

/**
 * The address of a caller. Behind a proxy it is what the proxy hands on, which may be whatever the caller wrote: what is
 * not an address is `(unknown)`, so that nobody writes into our log, and all of them together are throttled as one.
 */
export const addressOf = ({ ip }: { ip: string }): string => {
  const zone = ip.indexOf('%') // which may be any text
  const address = zone === -1 ? ip : ip.slice(0, zone)
  return isIP(address) === 0 ? UNKNOWN : address
}
