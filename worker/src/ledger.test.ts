import { expect, test } from 'vitest'
import { toStamp } from '@sluice/shared/stamp'
import { recordHash, type Envelope } from '@sluice/shared/envelope'
import { toLedger } from './ledger.ts'

const envelope: Envelope = {
  messageId: 'd.0',
  type: 'record',
  vendor: 'acme',
  source: 'acme-crm',
  format: 'sluice',
  formatVersion: 1,
  lane: 'webhook',
  externalId: '4711',
  factAt: 0,
  factAtFrom: 'record',
  receivedAt: 0,
  ordinal: 0,
  recordHash: recordHash('{}'),
  sourceRevision: 1,
  attempt: 0,
  body: Buffer.from('{}')
}

const deliveryOf = (more: Partial<Envelope>) => {
  const message = {
    envelope: { ...envelope, ...more },
    stamp: toStamp(envelope),
    record: {},
    source: { id: 7 }
  }
  return toLedger([{ message, outcome: 'created' }]).deliveries[0]
}

test('a webhook message leaves of how many records its request was, if it said so', () => {
  expect(deliveryOf({ recordCount: 3 })).toMatchObject({ messageId: 'd.0', recordCount: 3 })
  expect(deliveryOf({})).not.toHaveProperty('recordCount')
})

test('until when a record holds is noted, unless that is over or the record is rejected', () => {
  const change = { kind: 'upsert' as const, units: {}, until: '2026-12-20T00:00:00.000000Z' }
  const expiriesOf = (isOver: boolean, outcome: 'created' | 'dead') => {
    const fact = { change, stamp: 's', source: 'acme-crm', covers: [], ...(isOver ? { isOver } : {}) }
    const message = { envelope: { ...envelope, run: '4' }, stamp: 's', source: { id: 7 }, meaning: { fact } }
    return toLedger([{ message, outcome }]).expiries
  }
  const noted = { sourceId: 7, externalId: '4711', stamp: 's', runId: '4', expiresAt: 1_797_724_800_000_000 }
  expect(expiriesOf(false, 'created')).toEqual([noted])
  expect(expiriesOf(true, 'created')).toEqual([])
  expect(expiriesOf(false, 'dead')).toEqual([])
})
