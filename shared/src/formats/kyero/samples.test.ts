import { createReadStream, existsSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, expect, test } from 'vitest'
import type { Change } from '../../change.ts'
import { parseRecord, readRecords } from '../../records/index.ts'
import { toMicros, toIso } from '../../time.ts'
import { outcomeOf } from '../contract/fixtures.ts'
import { valueAt } from '../format.ts'
import { kyero } from './format.ts'

// Real third-party files, read where they lie and never copied; a clone of the repository alone does not have them.
const SAMPLES = join(import.meta.dirname, '../../../../../shared/samples/kyero')

beforeEach(({ skip }) => skip(!existsSync(SAMPLES), 'the samples are not part of the repository'))

const recordsOf = async (file: string): Promise<unknown[]> => {
  const selector = kyero.feed?.records
  if (selector === undefined) throw new Error('kyero is a feed')
  const records: unknown[] = []
  for await (const event of readRecords(createReadStream(join(SAMPLES, file)), selector)) {
    if (event.kind === 'record') records.push(parseRecord(event, selector).value)
  }
  return records
}

test('the official V3 example arrives as a person reading the XML would expect', async () => {
  const records = await recordsOf('kyero-v3-example.xml')
  expect(records).toHaveLength(1)
  const [record] = records
  expect(valueAt(record, kyero.id)).toBe('12367')
  const factAt = valueAt(record, kyero.factAt ?? [])
  expect(toIso(toMicros(String(factAt), 'Europe/Madrid'))).toBe('2013-09-27T10:00:10.000000Z')

  const { units } = kyero.toChange(record, { timeZone: 'Europe/Madrid' }) as Extract<
    Change,
    { kind: 'upsert' }
  >
  const languages = ['ca', 'de', 'da', 'en', 'es', 'fi', 'fr', 'it', 'nl', 'no', 'pt', 'ru', 'sv']
  expect(units).toMatchObject({
    transaction: 'sale',
    propertyType: { type: 'house', subType: 'villa' },
    listPrice: { amount: '250000', currency: 'EUR', period: 'total' },
    buildingArea: { value: '150', unit: 'm2' },
    lotSize: { value: '500', unit: 'm2' },
    rooms: { bedroomsTotal: 3, bathroomsTotal: 2 },
    construction: { newConstruction: false },
    ownership: { leasehold: false, partOwnership: false },
    location: {
      country: 'spain',
      stateOrProvince: 'granada',
      city: 'almunecar',
      detail: 'optional location detail'
    },
    coordinates: { latitude: 36.728807, longitude: -3.693466 },
    features: ['good rental potential', 'near beach', 'water possible', 'pool'],
    energy: { consumptionRating: 'D' },
    listingId: 'V3TEST',
    privateRemarks: 'Private property notes',
    'text.en': { description: 'English property description' },
    'text.ru': { description: 'Russian property description' }
  })
  expect(units.media?.map(({ url }) => url)).toEqual(
    ['77', '78', '79', '81', '82'].map((number) => `http://images.kyero.com/128115${number}_large.jpg`)
  )
  expect(Object.keys(units.links ?? {}).toSorted()).toEqual(languages.toSorted())
  expect(Object.keys(units).filter((unit) => unit.startsWith('text.'))).toHaveLength(languages.length)
  expect(units.extras).toBeUndefined()
})

test('the fragments of V2.1 are rejected, each with what it lacks first', async () => {
  const records = await recordsOf('test-kyero-3-upgrade.xml')
  expect(records.map((record) => valueAt(record, kyero.id))).toEqual(['234', '235', '236', '237'])
  for (const record of records) {
    expect(outcomeOf(kyero, record)).toEqual({ rejection: { code: 'RECORD_INCOMPLETE', path: '/price' } })
  }
})

test('with a price and a town the V2.1 shapes are understood', async () => {
  const [, house, , nameless] = await recordsOf('test-kyero-3-upgrade.xml')
  const needs = { price: '99000', town: 'Nerja' }
  expect(kyero.toChange({ ...(house as object), ...needs }, { timeZone: 'Europe/Madrid' })).toMatchObject({
    units: {
      listPrice: { amount: '99000', currency: 'AUD', period: 'total' },
      propertyType: { type: 'house', subType: 'house' },
      construction: { newConstruction: true },
      links: { und: 'http://english.website.com/property/123456.htm' }
    }
  })
  expect(outcomeOf(kyero, { ...(nameless as object), ...needs })).toEqual({
    rejection: { code: 'RECORD_INCOMPLETE', path: '/type/en' }
  })
})
