import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { familyOf, isTextUnit, REQUIRED_UNITS, UnitSchemas, type UnitName } from '../offer.ts'
import { EXTREMES, refusedUnit, unboundedPlaces } from './contract/extremes.ts'
import { FORMATS_DIR, OTHER_DIRS, outcomeOf, readFixtures, type Fixture } from './contract/fixtures.ts'
import { goneProblems } from './contract/gone.ts'
import { goldenProblems, readGolden } from './contract/golden.ts'
import { inspectLeaves, leavesOf, withValue } from './contract/leaves.ts'
import { isSchemaCurrent } from './contract/published-schema.ts'
import { findFormat, formats, valueAt, type Format } from './index.ts'

// The contract of every format, run over every fixture of every folder. Nothing registers for it, so nothing can
// stay out: a folder that is not listed fails the first test.

test('every folder is listed in index.ts, and every listed format has its folder', () => {
  const folders = readdirSync(FORMATS_DIR, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && !OTHER_DIRS.includes(entry.name))
    .map((entry) => entry.name)
  expect(formats.map(({ name }) => name).toSorted()).toEqual(folders.toSorted())
  for (const folder of folders) expect(findFormat(folder)?.name).toBe(folder)
})

test('an unknown format is no format', () => {
  expect(findFormat('nobody')).toBeUndefined()
  expect(findFormat('__proto__')).toBeUndefined()
})

describe.each(formats.map((format) => [format.name, format] as const))('format %s', (name, format) => {
  const fixtures = readFixtures(name)
  const accepted = fixtures.filter(({ expected }) => expected !== undefined && 'change' in expected)

  test('has a README that links the documentation', () => {
    const readme = join(FORMATS_DIR, name, 'README.md')
    expect(existsSync(readme), `${name}/README.md is missing`).toBe(true)
    expect(readFileSync(readme, 'utf8')).toMatch(/https?:\/\/[^\s)>]+\.[^\s)>]+/)
  })

  test('its schema.json, if it publishes one, is the schema its parser uses', () => {
    expect(isSchemaCurrent(format), `pnpm new:format --seal ${name}`).toBe(true)
  })

  test('has fixtures that are applied and fixtures that are rejected', () => {
    expect(accepted.length).toBeGreaterThan(0)
    expect(fixtures.filter(({ expected }) => expected !== undefined && 'rejection' in expected)).not.toEqual(
      []
    )
  })

  test.each(fixtures.map((fixture) => [fixture.name, fixture] as const))('fixture %s', (_, fixture) => {
    expect(fixture.expected, `write its result: pnpm new:format --seal ${name}`).toBeDefined()
    expect(outcomeOf(format, fixture.record, fixture.timeZone)).toEqual(fixture.expected)
  })

  test('means today what it meant when its formatVersion was sealed', () => {
    expect(goldenProblems(format, fixtures, readGolden(name))).toEqual([])
  })

  test('maps every leaf of its fixtures, or ignores it with a reason', () => {
    const report = inspectLeaves(format, fixtures)
    expect(report.unmapped, 'no fixture in which changing it changes the change').toEqual([])
    expect(report.ignoredButMapped, 'ignored, but changing it changes the change').toEqual([])
    expect(report.ignoredButAbsent, 'ignored, but in no fixture').toEqual([])
    expect(report.withoutFixture, 'in the schema, but in no fixture').toEqual([])
    for (const { path, reason } of format.ignored) expect(reason, path).not.toBe('')
  })

  test('says "gone" in its records, if it declares that they do', () => {
    expect(goneProblems(format, accepted)).toEqual([])
  })

  test('its records carry the declared id', () => {
    for (const { record } of accepted)
      expect(['string', 'number']).toContain(typeof valueAt(record, format.id))
  })

  test('is pure: a frozen record, the same change twice', () => {
    for (const { record, timeZone } of accepted) {
      const frozen = deepFreeze(structuredClone(record))
      const context = Object.freeze({ timeZone })
      expect(format.toChange(frozen, context)).toEqual(format.toChange(frozen, context))
      expect(frozen).toEqual(record)
    }
  })

  test('an upsert has what an offer needs, and only units the format covers; each family is covered by a fixture', () => {
    const seen = new Set<string>()
    for (const { record, timeZone } of accepted) {
      const change = format.toChange(record, { timeZone })
      if (change.kind !== 'upsert') continue
      for (const unit of Object.keys(change.units)) seen.add(familyOf(unit as UnitName))
      for (const unit of REQUIRED_UNITS) expect(change.units, unit).toHaveProperty(unit)
    }
    expect([...seen].toSorted()).toEqual(format.covers.toSorted())
    expect(format.covers).not.toContain('presence')
  })

  test('any JSON becomes a change or a RecordError, never another exception', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 5 }), (record) => assertSane(format, record)),
      { numRuns: 300 }
    )
  })

  test('a fixture with anything anywhere in it becomes a change or a RecordError', () => {
    const mutations = fc.array(fc.tuple(fc.nat(), fc.oneof(fc.jsonValue({ maxDepth: 2 }), NASTY)), {
      minLength: 1,
      maxLength: 4
    })
    fc.assert(
      fc.property(fc.constantFrom(...accepted), mutations, (fixture, changes) =>
        assertSane(format, mutated(fixture, changes))
      ),
      { numRuns: 500 }
    )
  })

  test('whatever is extreme is refused by its schema, wherever it stands', () => {
    expect(unboundedPlaces(format, accepted)).toEqual([])
  })

  test('prototype keys are inert', () => {
    for (const { record, timeZone } of accepted) {
      const poisoned = poison(record)
      const outcome = outcomeOf(format, poisoned, timeZone)
      expect(({} as Record<string, unknown>)['polluted']).toBeUndefined()
      if ('rejection' in outcome) expect(outcome.rejection.path).toMatch(/\/__proto__$/)
      else expect(outcome).toEqual(outcomeOf(format, record, timeZone))
    }
  })
})

/** Values that have broken mappings before. */
const NASTY = fc.constantFrom<unknown>(
  '',
  ' ',
  '\u0000',
  '\uD800',
  '-0',
  '1e9',
  '0x10',
  '９',
  'NaN',
  Number.MAX_SAFE_INTEGER + 2,
  -1,
  1e21,
  1e-7,
  '__proto__',
  'constructor',
  { toString: 1 },
  { length: 3 },
  [[]],
  [null],
  ...EXTREMES
)

const mutated = (fixture: Fixture, changes: readonly (readonly [number, unknown])[]): unknown =>
  changes.reduce<unknown>((record, [at, value]) => {
    const leaves = leavesOf(record)
    const leaf = leaves[at % leaves.length]
    return leaf === undefined ? record : withValue(record, leaf.steps, value)
  }, fixture.record)

/** What must hold of any record at all; `outcomeOf` throws on anything but a change or a RecordError. */
const assertSane = (format: Format, record: unknown): void => {
  const before = JSON.stringify(record)
  const outcome = outcomeOf(format, record)
  expect(JSON.stringify(record)).toBe(before)
  if ('rejection' in outcome) {
    expect(outcome.rejection.code).toMatch(/^(RECORD|FACT)_[A-Z_]+$/)
    expect(outcome.rejection.path).toMatch(/^(\/.*)?$/s)
    return
  }
  const { change } = outcome
  if (change.kind === 'withdraw') return
  expect(refusedUnit(outcome)).toBeUndefined()
  if (change.kind === 'patch') {
    const cleared = change.clear.filter((unit) => isTextUnit(unit) || Object.hasOwn(UnitSchemas, unit))
    expect(cleared).toEqual(change.clear)
    expect(change.clear.filter((unit) => Object.hasOwn(change.units, unit))).toEqual([])
  }
}

const deepFreeze = <T>(value: T): T => {
  if (typeof value === 'object' && value !== null) {
    for (const inner of Object.values(value)) deepFreeze(inner)
    Object.freeze(value)
  }
  return value
}

/** The record with a `__proto__` of its own in every object, as only a JSON text can write it. */
const poison = (record: unknown): unknown => {
  if (Array.isArray(record)) return record.map(poison)
  if (typeof record !== 'object' || record === null) return record
  const own = Object.entries(record).map(([name, value]) => [name, poison(value)] as const)
  return Object.fromEntries([...own, ['__proto__', { polluted: true }]])
}
