import { BlockList, isIP } from 'node:net'

/** A range of addresses, like `10.0.0.0/8` or `fd00::/8`; an address alone is a range of one. */
export interface Cidr {
  address: string
  prefix: number
  family: 'ipv4' | 'ipv6'
}

const BITS = { ipv4: 32, ipv6: 128 } as const

/** `undefined` when the text is no range. */
export const parseCidr = (text: string): Cidr | undefined => {
  const [address = '', length, ...more] = text.split('/')
  const version = isIP(address)
  if (version === 0 || more.length > 0 || address.includes('%')) return undefined
  const family = version === 4 ? 'ipv4' : 'ipv6'
  if (length === undefined) return { address, prefix: BITS[family], family }
  const prefix = Number(length)
  return /^\d{1,3}$/.test(length) && prefix <= BITS[family] ? { address, prefix, family } : undefined
}

/** Which entries of a list, separated by commas or spaces, are no ranges, counted from 1. */
export const wrongCidrs = (list: string): number[] =>
  split(list).flatMap((text, index) => (parseCidr(text) === undefined ? [index + 1] : []))

/** The ranges as one set to look an address up in. @throws RangeError when one is wrong */
export const toBlockList = (list: string): BlockList => {
  const ranges = new BlockList()
  for (const text of split(list)) {
    const cidr = parseCidr(text)
    if (cidr === undefined) throw new RangeError(`"${text}" is no range of addresses`)
    ranges.addSubnet(cidr.address, cidr.prefix, cidr.family)
  }
  return ranges
}

const split = (list: string): string[] => list.split(/[\s,]+/).filter((text) => text !== '')
