import { expect, test } from 'vitest'
import type { Delivery } from '@sluice/shared/broker'
import { recordHash, toMessage, type Envelope } from '@sluice/shared/envelope'
import { createLogger } from '@sluice/shared/log'
import { nowMicros } from '@sluice/shared/time'
import { createRecordWork, type BatchFigures } from './record-work.ts'

const MINUTE = 60_000_000
const envelope = (more: Partial<Envelope>): Envelope => ({
  messageId: '1.0',
  type: 'record',
  vendor: 'acme',
  source: 'acme-yrl',
  format: 'yandex-yrl',
  formatVersion: 1,
  lane: 'feed',
  externalId: '7',
  factAt: 0,
  factAtFrom: 'record',
  receivedAt: nowMicros() - MINUTE,
  ordinal: 0,
  recordHash: recordHash('{}'),
  sourceRevision: 1,
  run: '1',
  attempt: 0,
  body: Buffer.from('{}'),
  ...more
})
const deliveryOf = (of: Envelope): Delivery => ({
  ...toMessage(of, 'records'),
  redelivered: false,
  deliveryCount: 0,
  isLost: false,
  settle: () => true
})

test('a time that is over is nothing somebody has waited for since its record was received', async () => {
  const seen: BatchFigures[] = []
  const work = createRecordWork({
    applier: { apply: (all) => Promise.resolve(all.map(() => ({ outcome: 'updated' }))) },
    settler: { settle: () => Promise.resolve({ tally: {} }), quarantine: () => Promise.resolve() },
    observe: (figures) => void seen.push(figures),
    log: createLogger({ service: 'test', level: 'silent' })
  })
  const expired = envelope({ type: 'vanished', messageId: 'expired.1', expiredAt: nowMicros() })
  await work([deliveryOf(envelope({})), deliveryOf(expired)])
  expect(seen[0]?.size).toBe(2)
  expect(seen[0]?.criticalSeconds.map((seconds) => Math.floor(seconds / 60))).toEqual([1])
})
