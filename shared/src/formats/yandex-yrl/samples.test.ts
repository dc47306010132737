import { createReadStream, existsSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, expect, test } from 'vitest'
import { parseRecord, readRecords } from '../../records/index.ts'
import { outcomeOf } from '../contract/fixtures.ts'
import { valueAt } from '../format.ts'
import { yandexYrl } from './format.ts'

// A real third-party file, read where it lies and never copied; a clone of the repository alone does not have it.
const SAMPLE = join(
  import.meta.dirname,
  '../../../../../shared/samples/yandex_yrl/realty-all-categories.yrl.xml'
)

beforeEach(({ skip }) => skip(!existsSync(SAMPLE), 'the samples are not part of the repository'))

test('the example with an offer of every category is understood, the house with its lot until it expires', async () => {
  const layout = yandexYrl.feed?.records
  if (layout === undefined) throw new Error('it is a feed')
  const records = new Map<unknown, unknown>()
  for await (const event of readRecords(createReadStream(SAMPLE), layout)) {
    if (event.kind !== 'record') continue
    const { value } = parseRecord(event, layout)
    records.set(valueAt(value, yandexYrl.id), value)
  }
  expect([...records.keys()]).toEqual(['1245', '15782295', '3', '4', '7', '1', '15'])
  const outcomes = [...records.values()].map((record) => outcomeOf(yandexYrl, record))
  expect(outcomes.filter((outcome) => 'rejection' in outcome)).toEqual([])
  expect(
    outcomes.map(
      (outcome) => 'change' in outcome && valueAt(outcome, ['change', 'units', 'propertyType', 'type'])
    )
  ).toEqual(['apartment', 'apartment', 'room', 'house', 'house', 'commercial', 'parking'])

  expect(outcomeOf(yandexYrl, records.get('7'))).toMatchObject({
    change: {
      until: '2011-12-19T20:00:00.000000Z',
      units: {
        listPrice: { amount: '2300000', currency: 'RUB', period: 'total' },
        livingArea: { value: '80', unit: 'm2' },
        lotSize: { value: '700', unit: 'm2' },
        location: { stateOrProvince: 'Тверская область', city: 'г.Вышний Волочек' }
      }
    }
  })
})
