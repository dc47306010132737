import { describe, expect, it } from 'vitest'
import { createThrottle } from './throttle.ts'

const failTimes = (throttle: ReturnType<typeof createThrottle>, times: number, address = '10.0.0.1') => {
  for (let n = 0; n < times; n++) throttle.failed(address, 1)
}

describe('a throttle', () => {
  it('lets a burst of failures be verified, then one a second', () => {
    let at = 1_000_000
    const throttle = createThrottle({ now: () => at })
    failTimes(throttle, 19)
    expect(throttle.waitSeconds('10.0.0.1', 1)).toBeUndefined()
    failTimes(throttle, 1)
    expect(throttle.waitSeconds('10.0.0.1', 1)).toBe(1)
    at += 1_000
    expect(throttle.waitSeconds('10.0.0.1', 1)).toBeUndefined()
    failTimes(throttle, 1)
    expect(throttle.waitSeconds('10.0.0.1', 1)).toBe(1)
  })

  it('is about an address and a source, nobody else', () => {
    const throttle = createThrottle()
    failTimes(throttle, 100)
    expect(throttle.waitSeconds('10.0.0.1', 1)).toBe(1)
    expect(throttle.waitSeconds('10.0.0.1', 2)).toBeUndefined()
    expect(throttle.waitSeconds('10.0.0.2', 1)).toBeUndefined()
  })

  it('never shuts out an address that has lately proved itself, however many fail beside it', () => {
    let at = 1_000_000
    const throttle = createThrottle({ now: () => at })
    throttle.succeeded('10.0.0.1', 1)
    failTimes(throttle, 1_000)
    expect(throttle.waitSeconds('10.0.0.1', 1)).toBeUndefined()
    at += 9 * 60_000
    throttle.succeeded('10.0.0.1', 1)
    at += 9 * 60_000
    failTimes(throttle, 1_000)
    expect(throttle.waitSeconds('10.0.0.1', 1)).toBeUndefined()
    at += 60_001
    failTimes(throttle, 1_000)
    expect(throttle.waitSeconds('10.0.0.1', 1)).toBe(1)
  })

  it('takes an IPv6 network for one address, and a mapped IPv4 address for what it is', () => {
    const throttle = createThrottle()
    for (let n = 0; n < 20; n++) throttle.failed(`2001:db8:1:2::${n.toString(16)}`, 1)
    expect(throttle.waitSeconds('2001:db8:1:2:ffff::1', 1)).toBe(1)
    expect(throttle.waitSeconds('2001:db8:1:3::1', 1)).toBeUndefined()
    failTimes(throttle, 20, '::ffff:10.0.0.9')
    expect(throttle.waitSeconds('10.0.0.9', 1)).toBe(1)
  })

  it('forgets the oldest pairs of many, and never who proved itself because others failed', () => {
    const throttle = createThrottle({ maxPairs: 100 })
    throttle.succeeded('10.0.0.1', 1)
    failTimes(throttle, 50)
    for (let n = 0; n < 1_000; n++) failTimes(throttle, 20, `10.1.${n >> 8}.${n & 255}`)
    failTimes(throttle, 50)
    expect(throttle.waitSeconds('10.0.0.1', 1)).toBeUndefined()
    expect(throttle.waitSeconds('10.1.0.0', 1)).toBeUndefined()
    expect(throttle.waitSeconds('10.1.3.231', 1)).toBe(1)
  })
})
