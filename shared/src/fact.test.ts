import { describe, expect, it } from 'vitest'
import { recordHash, type Envelope } from './envelope.ts'
import { interpret } from './fact.ts'
import { findFormat } from './formats/index.ts'
import { fromIso } from './time.ts'

const yrl = findFormat('yandex-yrl')
if (yrl === undefined) throw new Error('the format yandex-yrl is gone')

const at = (text: string): number => fromIso(text) ?? Number.NaN
const body = Buffer.from(
  JSON.stringify({
    '@internal-id': '7',
    type: 'sale',
    category: 'house',
    'expire-date': '2026-12-20T00:00:00Z',
    location: { country: 'BG' },
    price: { value: '1000', currency: 'EUR' }
  })
)
const envelope = (more: Partial<Envelope>): Envelope => ({
  messageId: '1.0',
  type: 'record',
  vendor: 'acme',
  source: 'acme-yrl',
  format: 'yandex-yrl',
  formatVersion: 1,
  lane: 'feed',
  externalId: '7',
  factAt: at('2026-11-01T00:00:00Z'),
  factAtFrom: 'record',
  receivedAt: at('2026-11-30T00:00:00Z'),
  ordinal: 0,
  recordHash: recordHash(body),
  sourceRevision: 1,
  run: '1',
  attempt: 0,
  body,
  ...more
})
const factOf = (more: Partial<Envelope>): unknown =>
  interpret(envelope(more), yrl, { timeZone: 'UTC' }).meaning

describe('a record that says until when it holds', () => {
  it.each([
    ['2026-12-19T23:59:59.999999Z', false],
    ['2026-12-20T00:00:00Z', true],
    ['2027-01-01T00:00:00Z', true]
  ])('received at %s: its time is over: %s', (receivedAt, isOver) => {
    const meaning = factOf({ receivedAt: at(receivedAt) })
    expect(meaning).toMatchObject({
      fact: { change: { kind: 'upsert', until: '2026-12-20T00:00:00.000000Z' } }
    })
    if (isOver) expect(meaning).toMatchObject({ fact: { isOver } })
    else expect(meaning).not.toHaveProperty('fact.isOver')
  })
})

describe('an empty message', () => {
  const empty = { type: 'vanished', body: Buffer.alloc(0) } as const

  it('says that a list is without the offer', () => {
    expect(factOf(empty)).toMatchObject({ fact: { change: { kind: 'vanish' } } })
  })

  it('or that the time of a record is over', () => {
    expect(factOf({ ...empty, expiredAt: at('2026-12-20T00:00:00Z') })).toMatchObject({
      fact: { change: { kind: 'withdraw', reason: 'expired' } }
    })
  })
})
