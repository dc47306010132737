import { expect, test } from 'vitest'
import type { WholeOfferChange } from '@sluice/shared/offer-change'
import { applyChange, emptyCopy } from './copy.ts'

const change = (seq: number, revision: number, units: WholeOfferChange['units']): WholeOfferChange => ({
  seq,
  vendor: 'acme',
  externalId: '4711',
  revision,
  kind: revision === 1 ? 'created' : 'updated',
  units,
  stamp: '',
  source: 'acme-crm',
  messageId: `d.${seq}`,
  changedAt: '2026-11-25T10:00:00.000Z'
})
const created = change(1, 1, { listPrice: { new: 1 }, rooms: { new: 3 } })
const dearer = change(2, 2, { listPrice: { old: 1, new: 2 } })
const emptied = change(3, 3, { rooms: { old: 3 } })

test('changes in their order make the offer: units are replaced, and go', () => {
  const copy = emptyCopy()
  for (const each of [created, dearer, emptied]) applyChange(copy, each)
  expect(copy.position).toBe(3)
  expect([...copy.offers.values()]).toEqual([
    { vendor: 'acme', externalId: '4711', revision: 3, units: { listPrice: 2 } }
  ])
})

test('what comes again, even after later ones, changes nothing', () => {
  const copy = emptyCopy()
  for (const each of [created, dearer, dearer, created, emptied, dearer]) applyChange(copy, each)
  expect(copy).toMatchObject({ position: 3 })
  expect(copy.offers.get('acme 4711')).toMatchObject({ revision: 3, units: { listPrice: 2 } })
})
