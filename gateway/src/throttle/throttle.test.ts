import { describe, expect, it } from 'vitest'
import { createThrottle } from './throttle.ts'

/** What the last of so many failures was told. */
const failTimes = (
  throttle: ReturnType<typeof createThrottle>,
  times: number,
  address = '10.0.0.1',
  sourceId = 1
): number | undefined => {
  let waitSeconds: number | undefined
  for (let n = 0; n < times; n++) waitSeconds = throttle.failed(address, sourceId)
  return waitSeconds
}

describe('a throttle', () => {
  it('bears 20 failures at once, then one a second', () => {
    let at = 1_000_000
    const throttle = createThrottle({ now: () => at })
    expect(failTimes(throttle, 20)).toBeUndefined()
    expect(failTimes(throttle, 1)).toBe(1)
    at += 999
    expect(failTimes(throttle, 1)).toBe(1)
    at += 1
    expect(failTimes(throttle, 1)).toBeUndefined()
    expect(failTimes(throttle, 1)).toBe(1)
    at += 3_600_000
    expect(failTimes(throttle, 20)).toBeUndefined()
    expect(failTimes(throttle, 1)).toBe(1)
  })

  it('is about an address and a source, nobody else', () => {
    const throttle = createThrottle()
    expect(failTimes(throttle, 100)).toBe(1)
    expect(failTimes(throttle, 1, '10.0.0.1', 2)).toBeUndefined()
    expect(failTimes(throttle, 1, '10.0.0.2')).toBeUndefined()
  })

  it('takes an IPv6 network for one address, and a mapped IPv4 address for what it is', () => {
    const throttle = createThrottle()
    for (let n = 0; n < 20; n++) throttle.failed(`2001:db8:1:2::${n.toString(16)}`, 1)
    expect(throttle.failed('2001:db8:1:2:ffff::1', 1)).toBe(1)
    expect(throttle.failed('2001:db8:1:3::1', 1)).toBeUndefined()
    failTimes(throttle, 20, '::ffff:10.0.0.9')
    expect(throttle.failed('10.0.0.9', 1)).toBe(1)
  })

  it('remembers so many pairs, and forgets those not heard of for longest', () => {
    const throttle = createThrottle({ maxPairs: 100 })
    failTimes(throttle, 21, '10.0.0.1')
    for (let n = 0; n < 99; n++) failTimes(throttle, 21, `10.1.0.${n}`)
    expect(throttle.failed('10.0.0.1', 1)).toBe(1) // heard of again, so it is the newest
    failTimes(throttle, 21, '10.2.0.0')
    expect(throttle.failed('10.1.0.0', 1)).toBeUndefined()
    expect(throttle.failed('10.0.0.1', 1)).toBe(1)
  })
})
