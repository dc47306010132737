import { describe, expect, it } from 'vitest'
import type { Change } from '../change.ts'
import { RecordError } from '../errors.ts'
import type { OfferContent } from '../offer.ts'
import { checkChange, toSoundChange } from './check-change.ts'
import { sluice } from './sluice/format.ts'

const patch = (clear: string[]): Change => ({ kind: 'patch', units: {}, clear }) as Change

describe('a change, whatever format it comes from', () => {
  it.each([
    ['listPrice', 'RECORD_INCOMPLETE'],
    ['location', 'RECORD_INCOMPLETE'],
    ['presence', 'RECORD_INVALID'],
    ['nonesuch', 'RECORD_INVALID']
  ])('that clears %s is refused', (unit, code) => {
    expect(() => checkChange(patch(['energy', unit]), [])).toThrow(RecordError)
    expect(() => checkChange(patch(['energy', unit]), [])).toThrow(
      expect.objectContaining({ code, path: `/${unit}` })
    )
  })

  it('that sets the presence, which is not for a format to say, is refused', () => {
    const units = { presence: { state: 'active' } } as OfferContent
    expect(() => checkChange({ kind: 'patch', units, clear: [] }, [])).toThrow(
      expect.objectContaining({ code: 'RECORD_INVALID', path: '/presence' })
    )
  })

  it('that clears what an offer can do without passes', () => {
    expect(() => checkChange(patch(['energy', 'text.en']), [])).not.toThrow()
  })

  it('that leaves out what it decides, and no offer can be without, is refused', () => {
    const units = { transaction: 'sale' } as const
    expect(() => checkChange({ kind: 'upsert', units }, ['transaction', 'listPrice'])).toThrow(
      expect.objectContaining({ code: 'RECORD_INCOMPLETE', path: '/listPrice' })
    )
    expect(() => checkChange({ kind: 'upsert', units }, ['transaction'])).not.toThrow()
  })

  it('that holds until nobody knows when is refused', () => {
    const until = (text: string): Change => ({ kind: 'upsert', units: {}, until: text })
    expect(() => checkChange(until('2026-12-20'), [])).toThrow(expect.objectContaining({ path: '/until' }))
    expect(() => checkChange(until('2026-12-20T00:00:00Z'), [])).not.toThrow()
  })

  it('that withdraws for the reason that is ours withdraws without one', () => {
    const mean = (reason: string): Change =>
      toSoundChange(sluice, { id: '1', change: 'withdraw', reason }, { timeZone: 'UTC' })
    expect(mean('vanished')).toEqual({ kind: 'withdraw' })
    expect(mean('Vanished')).toEqual({ kind: 'withdraw', reason: 'Vanished' })
  })
})
