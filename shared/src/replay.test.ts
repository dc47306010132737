import { describe, expect, it } from 'vitest'
import { EnvelopeError } from './errors.ts'
import { toReplay } from './replay.ts'
import { createTopology } from './topology.ts'

const topology = createTopology('house')
const letter = {
  messageId: 'd1.0',
  properties: { messageId: 'd1.0', type: 'record', timestamp: 1_700_000_000 },
  headers: {
    lane: 'webhook',
    source: 'crm',
    attempt: 5,
    'fault-code': 'UNKNOWN',
    'first-seen': '2026-11-23T10:00:00Z',
    'x-death': [{ reason: 'expired' }],
    'x-delivery-count': 4
  },
  body: Buffer.from('{"id":"1"}')
}

describe('a replay', () => {
  it('is the same record with a fresh attempt count and nothing of its deaths', () => {
    expect(toReplay(letter, topology)).toEqual({
      exchange: 'house.requeue',
      routingKey: 'replay.webhook',
      body: Buffer.from('{"id":"1"}'),
      properties: {
        messageId: 'd1.0',
        type: 'record',
        contentType: 'application/json',
        timestamp: 1_700_000_000,
        headers: { lane: 'webhook', source: 'crm', attempt: 0 }
      }
    })
  })

  it('is refused for a message that names no lane', () => {
    expect(() => toReplay({ ...letter, headers: {} }, topology)).toThrow(EnvelopeError)
  })
})
