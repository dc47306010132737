import { describe, expect, it } from 'vitest'
import { createDeliveryId } from './delivery-id.ts'
import { traceparentOf } from './trace.ts'

describe('a delivery id', () => {
  it('is a UUID of version 7 that sorts by its time', () => {
    const id = createDeliveryId(Date.UTC(2026, 10, 23))
    expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
    expect(Number.parseInt(id.replaceAll('-', '').slice(0, 12), 16)).toBe(Date.UTC(2026, 10, 23))
    expect(createDeliveryId(1) < createDeliveryId(2)).toBe(true)
  })

  it('is never the same twice', () => {
    expect(new Set(Array.from({ length: 10_000 }, () => createDeliveryId(0))).size).toBe(10_000)
  })
})

describe('the trace of a request', () => {
  const valid = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'

  it('is the one the caller sent, when it is one', () => {
    expect(traceparentOf(valid)).toBe(valid)
  })

  it.each([
    undefined,
    '',
    'nonsense',
    `${valid}-more`,
    valid.toUpperCase(),
    valid.replace(/7ad6b7169203331/, '0')
  ])('is new for %s', (header) => {
    expect(traceparentOf(header)).not.toBe(header)
    expect(traceparentOf(header)).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/)
  })

  it('is never the same twice, nor is its parent', () => {
    const made = Array.from({ length: 10_000 }, () => traceparentOf(undefined).split('-'))
    expect(new Set(made.map(([, trace]) => trace)).size).toBe(10_000)
    expect(new Set(made.map(([, , parent]) => parent)).size).toBe(10_000)
  })

  it('is new when all its digits are zero', () => {
    expect(traceparentOf(`00-${'0'.repeat(32)}-b7ad6b7169203331-01`)).not.toContain('0'.repeat(32))
  })
})
