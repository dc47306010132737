import { describe, expect, it } from 'vitest'
import { EnvelopeError } from './errors.ts'
import { brokerFaultOf, faultOf, toFaultHeaders, withoutFaultHeaders } from './fault.ts'

describe('fault headers', () => {
  it('say what went wrong and are read back', () => {
    const now = new Date('2026-11-23T10:00:00Z')
    const headers = toFaultHeaders(new EnvelopeError('ENVELOPE_INVALID', 'no lane'), {}, now)
    expect(faultOf(headers)).toEqual({
      class: 'EnvelopeError',
      code: 'ENVELOPE_INVALID',
      message: 'no lane',
      at: '2026-11-23T10:00:00.000Z',
      firstSeen: '2026-11-23T10:00:00.000Z'
    })
  })

  it('keep the time the message was first seen over many failures', () => {
    const first = toFaultHeaders(new Error('one'), { 'received-at': '2026-11-23T09:00:00.000000Z' })
    expect(toFaultHeaders(new Error('two'), first)['first-seen']).toBe('2026-11-23T09:00:00.000000Z')
  })

  it('keep a message within a kibibyte and never cut a character in half', () => {
    const message = toFaultHeaders(new Error('ж'.repeat(2_000)))['fault-message'] ?? ''
    expect(Buffer.byteLength(message)).toBeLessThanOrEqual(1_024)
    expect(message).toBe('ж'.repeat(512))
  })

  it('are gone from a replay, and nothing else is', () => {
    const headers = { ...toFaultHeaders(new Error('x')), lane: 'feed', 'fault-finder': 'kept' }
    expect(withoutFaultHeaders(headers)).toEqual({ lane: 'feed', 'fault-finder': 'kept' })
  })
})

describe('a death of the broker’s own making', () => {
  it('is read from the newest entry of x-death, not from the first death', () => {
    const fault = brokerFaultOf({
      'x-first-death-reason': 'expired',
      'x-death': [
        { reason: 'delivery_limit', queue: 'sluice.quarantine.v1', count: 1 },
        { reason: 'expired', queue: 'sluice.retry.5s.v1', count: 1 }
      ]
    })
    expect(fault).toMatchObject({ class: 'Broker', code: 'DELIVERY_LIMIT' })
    expect(fault?.message).toContain('sluice.quarantine.v1')
  })

  it('is absent when a worker sent the message', () => {
    expect(brokerFaultOf(toFaultHeaders(new Error('x')))).toBeUndefined()
  })
})
