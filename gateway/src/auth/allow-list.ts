import { BlockList, isIP } from 'node:net'

/** Whether an address is in one of the ranges; an IPv4 address written as IPv6 counts as what it is. */
export const createAllowList = (ranges: readonly string[]): ((address: string) => boolean) => {
  const list = new BlockList()
  for (const range of ranges) {
    const [address = '', bits] = range.split('/')
    const family = familyOf(address)
    list.addSubnet(address, Number(bits ?? (family === 'ipv4' ? 32 : 128)), family)
  }
  return (given) => {
    const address = given.replace(MAPPED, '').replace(ZONE, '')
    return isIP(address) !== 0 && list.check(address, familyOf(address))
  }
}

const MAPPED = /^::ffff:(?=\d{1,3}\.)/i
const ZONE = /%.*$/

const familyOf = (address: string): 'ipv4' | 'ipv6' => (isIP(address) === 4 ? 'ipv4' : 'ipv6')
