import { createReadStream, existsSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, expect, test } from 'vitest'
import { parseRecord, readRecords } from '../../records/index.ts'
import { outcomeOf } from '../contract/fixtures.ts'
import { valueAt } from '../format.ts'
import { rightmoveBlm } from './format.ts'

// A real third-party file, read where it lies and never copied; a clone of the repository alone does not have it.
const SAMPLE = join(import.meta.dirname, '../../../../../shared/samples/blm_rightmove/example_data.blm')

beforeEach(({ skip }) => skip(!existsSync(SAMPLE), 'the samples are not part of the repository'))

test('the example of 2005 is read whole, and every row of it becomes an offer but one of minus 500,000 pounds', async () => {
  const layout = rightmoveBlm.feed?.records
  if (layout === undefined) throw new Error('it is a feed')
  const rows: unknown[] = []
  let isComplete = false
  for await (const event of readRecords(createReadStream(SAMPLE), layout)) {
    if (event.kind === 'record') rows.push(parseRecord(event, layout).value)
    if (event.kind === 'end') isComplete = event.complete
  }
  expect(isComplete).toBe(true)
  expect(rows).toHaveLength(37)
  const outcomes = rows.map((row) => outcomeOf(rightmoveBlm, row))
  expect(outcomes.filter((outcome) => 'rejection' in outcome)).toEqual([
    { rejection: { code: 'RECORD_INVALID', path: '/PRICE' } }
  ])

  expect(valueAt(rows[0], rightmoveBlm.id)).toBe('2559_347614')
  expect(outcomes[0]).toMatchObject({
    change: {
      kind: 'upsert',
      units: {
        standardStatus: 'active',
        transaction: 'sale',
        propertyType: { type: 'apartment', subType: 'Flat' },
        listPrice: { amount: '159950', currency: 'GBP', period: 'total' },
        rooms: { bedroomsTotal: 2 },
        location: { street: 'The Poplars, Breakspear Road North', city: 'Harefield', postalCode: 'UB9 6NR' },
        features: ['Reduced for an early sale', 'Tenure: leasehold'],
        media: [
          {
            url: 'http://www.virtualtourmaker.com/Yellow/5922/5922--1024-768.htm',
            category: 'virtualTour'
          }
        ],
        extras: { MEDIA_IMAGE_00: '2559_347614_IMG_00.jpg' }
      }
    }
  })
})
