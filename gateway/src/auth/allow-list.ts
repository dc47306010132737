import { isIP } from 'node:net'
import { toBlockList } from '@sluice/shared/cidr'

/** Whether an address is in one of the ranges; an IPv4 address written as IPv6 counts as what it is. */
export const createAllowList = (ranges: readonly string[]): ((address: string) => boolean) => {
  const list = toBlockList(ranges.join(' '))
  return (given) => {
    const address = given.replace(ZONE, '')
    const version = isIP(address)
    return version !== 0 && list.check(address, version === 4 ? 'ipv4' : 'ipv6')
  }
}

const ZONE = /%.*$/
