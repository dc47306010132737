import { expect, test } from 'vitest'
import type { Format } from '../format.ts'
import { kyero } from '../kyero/format.ts'
import { yandexYrl } from '../yandex-yrl/format.ts'
import { refusedUnit, unboundedPlaces } from './extremes.ts'
import { readFixtures, type Fixture } from './fixtures.ts'
import { goldenProblems, readGolden, sealed } from './golden.ts'
import { goneProblems } from './gone.ts'
import { inspectLeaves } from './leaves.ts'
import { isSchemaCurrent } from './published-schema.ts'

// A proof must be able to fail: each guarantee of the suite is broken here on purpose, and the suite must say so.

const fixtures = readFixtures('kyero')

/** Kyero as it would be if its mapping forgot one unit. */
const forgetting = (unit: string): Format => ({
  ...kyero,
  toChange: (record, context) => {
    const change = kyero.toChange(record, context)
    if (change.kind !== 'upsert') return change
    return {
      kind: 'upsert',
      units: Object.fromEntries(
        Object.entries(change.units).filter(([name]) => name !== unit)
      ) as typeof change.units
    }
  }
})

const fixtureNamed = (name: string): Fixture => {
  const fixture = fixtures.find((candidate) => candidate.name === name)
  if (fixture === undefined) throw new Error(`no fixture ${name}`)
  return fixture
}

test('a mapping that forgets the notes is found out', () => {
  expect(inspectLeaves(forgetting('privateRemarks'), fixtures).unmapped).toEqual(['notes'])
})

test('a mapping that forgets the areas is found out, leaf by leaf', () => {
  expect(inspectLeaves(forgetting('buildingArea'), fixtures).unmapped).toEqual(['surface_area/built'])
})

test('a required leaf that is only validated counts as overlooked', () => {
  expect(inspectLeaves(forgetting('location'), fixtures).unmapped).toContain('town')
})

test('an ignored leaf that does change the outcome is found out', () => {
  const format = { ...kyero, ignored: [...kyero.ignored, { path: 'notes', reason: 'sabotage' }] }
  expect(inspectLeaves(format, fixtures).ignoredButMapped).toEqual(['notes'])
})

test('an ignored leaf that no fixture has is found out', () => {
  const format = { ...kyero, ignored: [...kyero.ignored, { path: 'a/*/b', reason: 'sabotage' }] }
  expect(inspectLeaves(format, fixtures).ignoredButAbsent).toEqual(['a/*/b'])
})

test('a leaf of the schema that no fixture has is found out', () => {
  const without = fixtures.filter(({ name }) => name !== 'villa-for-sale')
  expect(inspectLeaves(kyero, without).withoutFixture).toContain('video_url')
})

test('another meaning under the same formatVersion is found out, and sealing does not cover it up', () => {
  const broken = forgetting('privateRemarks')
  const golden = readGolden('kyero')
  const complaint =
    'villa-for-sale means something else now: raise formatVersion, then pnpm new:format --seal kyero'
  expect(goldenProblems(broken, fixtures, golden)).toContain(complaint)
  expect(goldenProblems(broken, fixtures, sealed(broken, fixtures, golden))).toContain(complaint)
})

test('a raised formatVersion is sealed beside the old one', () => {
  const raised = { ...forgetting('privateRemarks'), formatVersion: kyero.formatVersion + 1 }
  const golden = readGolden('kyero')
  expect(goldenProblems(raised, fixtures, golden)).toHaveLength(fixtures.length)
  const both = sealed(raised, fixtures, golden)
  expect(goldenProblems(raised, fixtures, both)).toEqual([])
  expect(both[kyero.formatVersion]).toEqual(golden[kyero.formatVersion])
  expect(goldenProblems(kyero, fixtures, both)).toEqual([
    `formatVersion went back from ${raised.formatVersion}`
  ])
})

test.each([
  ['expiry-date', 'a record that says until when it holds'],
  ['verb-in-record', 'a record that withdraws']
] as const)('a format that says "gone" by %s and never does is found out', (gone, sign) => {
  const { feed } = kyero
  if (feed === undefined) throw new Error('kyero is a feed')
  expect(goneProblems({ ...kyero, feed: { ...feed, gone } }, fixtures)).toEqual([
    `kyero declares "${gone}" and has no fixture of ${sign}`
  ])
})

test('a format that says "gone" by a date, and does, passes', () => {
  const { feed } = yandexYrl
  if (feed === undefined) throw new Error('yandex-yrl is a feed')
  const format: Format = { ...yandexYrl, feed: { ...feed, gone: 'expiry-date' } }
  expect(goneProblems(format, readFixtures('yandex-yrl'))).toEqual([])
})

test('a new fixture needs no new formatVersion, only a seal', () => {
  const fresh = { ...fixtureNamed('rent-by-month'), name: 'fresh', record: { id: 'fresh' } }
  expect(goldenProblems(kyero, [fresh], readGolden('kyero'))).toEqual([
    'fresh is not sealed: pnpm new:format --seal kyero'
  ])
})

test('a published schema that is not the parser’s is found out', () => {
  expect(isSchemaCurrent({ ...kyero, name: 'sluice' })).toBe(false)
})

test('a number without its bound is found out, every time', () => {
  const boundless: Format = {
    ...kyero,
    toChange: (record, context) => {
      const change = kyero.toChange({ ...(record as object), beds: '1' }, context)
      const beds = Number((record as { beds?: unknown }).beds ?? 0)
      if (change.kind !== 'upsert' || !Number.isInteger(beds) || beds < 0) return change
      return { ...change, units: { ...change.units, rooms: { bedroomsTotal: beds } } }
    }
  }
  expect(unboundedPlaces(boundless, fixtures)).toEqual([
    'beds: toChange gave a unit that is refused: /rooms/bedroomsTotal must be <= 1000; bound it in the schema (docs/offer.md)'
  ])
})

test('a change of units that no offer can hold says what is wrong', () => {
  const units = { floor: { floor: 301 } }
  expect(refusedUnit({ change: { kind: 'patch', units, clear: [] } })).toMatch(
    /^toChange gave a unit that is refused: \/floor\/floor .*; bound it in the schema/
  )
  expect(refusedUnit({ rejection: { code: 'RECORD_INVALID', path: '' } })).toBeUndefined()
})
