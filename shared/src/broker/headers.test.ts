import { expect, test } from 'vitest'
import { withoutBrokerHeaders } from './headers.ts'

test('headers the broker wrote are stripped, ours and the vendor’s stay', () => {
  expect(
    withoutBrokerHeaders({
      'x-death': [{ queue: 'retry.5s.v1' }],
      'x-first-death-queue': 'feed.v1',
      'x-first-death-reason': 'delivery_limit',
      'x-last-death-exchange': 'records',
      'x-delivery-count': 3,
      'x-acquired-count': 4,
      'x-vendor-trace': 'keep',
      attempt: 2,
      'fault-code': 'DB_UNAVAILABLE'
    })
  ).toEqual({ 'x-vendor-trace': 'keep', attempt: 2, 'fault-code': 'DB_UNAVAILABLE' })
})

test('a message without headers has none afterwards', () => {
  expect(withoutBrokerHeaders(undefined)).toEqual({})
})
