import { setImmediate } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { findFormat } from '@sluice/shared/formats'
import { readBody, type SplitRecord } from './bodies/index.ts'
import { toVerdicts } from './verdicts.ts'

const sluice = findFormat('sluice')
if (sluice === undefined) throw new Error('there is no format sluice')

const read = (body: string): SplitRecord[] =>
  readBody(
    { headers: { 'content-type': 'application/json' }, body: Buffer.from(body) },
    { timeZone: 'Europe/Sofia' },
    sluice
  ).records

it('says of each record what it would mean, or why it would be rejected', async () => {
  const body = `[
    {"id":"1","change":"patch","updatedAt":"2026-11-23 10:00:00","price":{"amount":1234567890123.123456,"currency":"EUR","period":"total"}},
    {"id":"2","change":"patch","price":{"amount":"much"}},
    {"id":"3","change":"withdraw","reason":"sold"}
  ]`
  expect(await toVerdicts(read(body), sluice, 'Europe/Sofia')).toEqual([
    {
      index: 0,
      externalId: '1',
      factAt: '2026-11-23T08:00:00.000000Z',
      valid: true,
      change: {
        kind: 'patch',
        units: { listPrice: { amount: '1234567890123.123456', currency: 'EUR', period: 'total' } },
        clear: []
      }
    },
    {
      index: 1,
      externalId: '2',
      valid: false,
      code: 'RECORD_INVALID',
      path: '/price/amount',
      message: '/price/amount is wrong: expected a number like 185000 or "185000.50", at most six decimals'
    },
    { index: 2, externalId: '3', valid: true, change: { kind: 'withdraw', reason: 'sold' } }
  ])
})

it('shows the time that counts: a moment in the future is the moment of receipt, and that is said', async () => {
  const now = Date.parse('2026-11-23T10:00:00Z') * 1000
  const records = read(
    '[{"id":"1","change":"withdraw","updatedAt":"2030-01-01T00:00:00Z"},{"id":"2","change":"withdraw"}]'
  )
  const [early, silent] = await toVerdicts(records, sluice, 'UTC', now)
  expect(early).toMatchObject({
    factAt: '2026-11-23T10:00:00.000000Z',
    note: 'The time of the record lies in the future, so the moment of receipt counts.'
  })
  expect(silent).toEqual({ index: 1, externalId: '2', valid: true, change: { kind: 'withdraw' } })
})

it('lets others have their turn between records', async () => {
  const many = Array.from({ length: 500 }, (_, id) => ({
    id,
    extras: Object.fromEntries(Array.from({ length: 80 }, (_, n) => [`field ${n}`, 'x'.repeat(10)]))
  }))
  let turns = 0
  const done = new AbortController()
  const others = async (): Promise<void> => {
    while (!done.signal.aborted) {
      turns++
      await setImmediate()
    }
  }
  const verdicts = toVerdicts(read(JSON.stringify(many)), sluice, 'UTC').finally(() => done.abort())
  await Promise.all([verdicts, others()])
  expect(await verdicts).toHaveLength(500)
  expect(turns).toBeGreaterThan(1)
})
