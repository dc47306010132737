import { lookup, type LookupAddress } from 'node:dns'
import { BlockList, isIP, type LookupFunction } from 'node:net'
import { toBlockList } from '@sluice/shared/cidr'
import { codeOf, toError } from '@sluice/shared/errors'
import { RunError } from '../errors.ts'

/**
 * Where a feed may be fetched from. An address is somebody else's word: without this a vendor, or whoever owns one
 * of its names, could make us read what only we can reach. A name is resolved once, its addresses are judged, and the
 * socket connects to exactly those: what the name means a moment later is of no matter.
 */
export interface Egress {
  /**
   * The addresses of a host (a name, or an address, an IPv6 one with or without brackets) that may be connected to.
   * @throws RunError `FETCH_EGRESS` when there is none, `FETCH_UNREACHABLE` when the name does not exist
   */
  resolve: (host: string, signal: AbortSignal) => Promise<LookupAddress[]>
}

/** Like `dns.lookup` with `all`: every address of a name. */
export type Resolver = (host: string) => Promise<LookupAddress[]>

/** @param allow ranges that may be connected to although they are not public, separated by commas */
export const createEgress = (allow: string, resolver: Resolver = resolveName): Egress => {
  const allowed = toBlockList(allow)
  const isAllowed = ({ address, family }: LookupAddress): boolean => {
    if (address.includes('%')) return false // the zone of a link-local address
    const version = family === 6 ? 'ipv6' : 'ipv4'
    return isPublic(address, version) || allowed.check(address, version)
  }

  return {
    resolve: async (host, signal) => {
      const bare = host.replace(/^\[(.*)\]$/, '$1')
      const literal = isIP(bare)
      const found = literal === 0 ? await named(bare, resolver, signal) : [{ address: bare, family: literal }]
      const usable = found.map(unmapped).filter(isAllowed)
      if (usable.length > 0) return usable
      const what = literal === 0 ? `${bare} is ${found.map(({ address }) => address).join(', ')}` : bare
      throw new RunError(
        'FETCH_EGRESS',
        `${what}: no public address. If feeds may be fetched from there, name it in SCHEDULER_EGRESS_ALLOW`
      )
    }
  }
}

/** For a socket that is to connect to these addresses and no others, whatever its host is called. */
export const lookupOf =
  (addresses: readonly LookupAddress[]): LookupFunction =>
  (_host, { all }, callback) => {
    const [first] = addresses
    if (all === true) callback(null, [...addresses])
    else callback(null, first?.address ?? '', first?.family)
  }

/** Of an address nobody can be reached at, or nobody in time; another one of the same server may do. */
const UNREACHABLE = new Set([
  'ECONNREFUSED',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EADDRNOTAVAIL',
  'ETIMEDOUT',
  'FETCH_TIMEOUT'
])

/**
 * Connects to the first of the addresses that can be reached: a name with one of IPv6 in front is of use where there is
 * no IPv6, too. How long one may take is up to `connect`, which says `FETCH_TIMEOUT` then.
 * @throws what `connect` throws of the last address, or of one that was reached
 */
export const connectToFirst = async <T>(
  addresses: readonly LookupAddress[],
  connect: (address: string) => Promise<T>
): Promise<T> => {
  let problem: unknown
  for (const { address } of addresses) {
    try {
      return await connect(address)
    } catch (thrown) {
      if (!UNREACHABLE.has(codeOf(thrown) ?? '')) throw thrown
      problem = thrown
    }
  }
  throw problem
}

/** The special-purpose registries of IANA, and addresses at which clouds tell machines their secrets. */
const PRIVATE_V4 = toBlockList(
  '0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 168.63.129.16 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24 ' +
    '192.0.2.0/24 192.31.196.0/24 192.52.193.0/24 192.88.99.0/24 192.168.0.0/16 192.175.48.0/24 198.18.0.0/15 ' +
    '198.51.100.0/24 203.0.113.0/24 224.0.0.0/4 240.0.0.0/4'
)
/** All of IPv6 that is public; loopback, link-local, unique local, multicast and NAT64 are outside of it. */
const GLOBAL_V6 = toBlockList('2000::/3')
/** …but for Teredo and its like, documentation, and 6to4, which all may lead to an address of IPv4 inside. */
const PRIVATE_V6 = toBlockList('2001::/23 2001:db8::/32 2002::/16 2620:4f:8000::/48 3fff::/20')

const isPublic = (address: string, version: 'ipv4' | 'ipv6'): boolean =>
  version === 'ipv4'
    ? !PRIVATE_V4.check(address)
    : GLOBAL_V6.check(address, 'ipv6') && !PRIVATE_V6.check(address, 'ipv6')

const MAPPED = new BlockList()
MAPPED.addSubnet('::ffff:0:0', 96, 'ipv6')

/** `::ffff:a.b.c.d`, in any spelling, is that address of IPv4: judged, and connected to, as such. */
const unmapped = (found: LookupAddress): LookupAddress => {
  if (found.family !== 6 || !MAPPED.check(found.address, 'ipv6')) return found
  const groups = new URL(`http://[${found.address}]`).hostname.slice(1, -1).split(':').slice(-2)
  const bytes = groups.flatMap((group) => {
    const word = Number.parseInt(group, 16)
    return [word >> 8, word & 255]
  })
  return { address: bytes.join('.'), family: 4 }
}

const named = async (host: string, resolver: Resolver, signal: AbortSignal): Promise<LookupAddress[]> => {
  signal.throwIfAborted()
  const aborted = Promise.withResolvers<never>()
  const abort = (): void => aborted.reject(toError(signal.reason))
  signal.addEventListener('abort', abort, { once: true })
  try {
    // A look-up cannot be called off; nobody waits for it any longer.
    return await Promise.race([resolver(host), aborted.promise])
  } catch (thrown) {
    signal.throwIfAborted()
    throw new RunError(
      'FETCH_UNREACHABLE',
      `The name ${host} cannot be resolved: ${toError(thrown).message}`,
      { cause: thrown }
    )
  } finally {
    signal.removeEventListener('abort', abort)
  }
}

const resolveName: Resolver = (host) =>
  new Promise((resolve, reject) => {
    lookup(host, { all: true, order: 'verbatim' }, (error, addresses) =>
      error === null ? resolve(addresses) : reject(error)
    )
  })
