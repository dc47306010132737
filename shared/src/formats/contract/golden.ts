import { createHash } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Format } from '../format.ts'
import { FORMATS_DIR, outcomeOf, type Fixture } from './fixtures.ts'

/**
 * `golden.json` of a format: what each fixture's record meant under each formatVersion, as digests. A record whose
 * meaning moves while the version stands would be skipped by the feed diff and never be applied, so the suite refuses
 * it. Entries are only ever added (`pnpm new:format --seal <name>`).
 */
export type Golden = Record<string, Record<string, string>>

const fileOf = (formatName: string, formatsDir: string): string => join(formatsDir, formatName, 'golden.json')

export const readGolden = (formatName: string, formatsDir: string = FORMATS_DIR): Golden => {
  const file = fileOf(formatName, formatsDir)
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Golden) : {}
}

export const writeGolden = (formatName: string, golden: Golden, formatsDir: string = FORMATS_DIR): void =>
  writeFileSync(fileOf(formatName, formatsDir), `${JSON.stringify(golden, undefined, 2)}\n`)

/** What stands against the golden file: records nobody sealed, and records that came to mean something else. */
export const goldenProblems = (format: Format, fixtures: readonly Fixture[], golden: Golden): string[] => {
  const sealed = golden[format.formatVersion] ?? {}
  const newest = Math.max(0, ...Object.keys(golden).map(Number))
  const problems = fixtures.flatMap((fixture) => {
    const before = sealed[inputDigest(fixture)]
    if (before === undefined) return [`${fixture.name} is not sealed: pnpm new:format --seal ${format.name}`]
    if (before === outcomeDigest(format, fixture)) return []
    return [
      `${fixture.name} means something else now: raise formatVersion, then pnpm new:format --seal ${format.name}`
    ]
  })
  return newest > format.formatVersion ? [...problems, `formatVersion went back from ${newest}`] : problems
}

/** The golden file with every fixture of the present version in it. An entry that exists is never replaced. */
export const sealed = (format: Format, fixtures: readonly Fixture[], golden: Golden): Golden => {
  const fresh = Object.fromEntries(
    fixtures.map((fixture) => [inputDigest(fixture), outcomeDigest(format, fixture)])
  )
  return { ...golden, [format.formatVersion]: { ...fresh, ...golden[format.formatVersion] } }
}

const inputDigest = ({ record, timeZone }: Fixture): string => digest({ record, timeZone })

const outcomeDigest = (format: Format, { record, timeZone }: Fixture): string =>
  digest(outcomeOf(format, record, timeZone))

const DIGEST_LENGTH = 24

const digest = (value: unknown): string =>
  createHash('sha256')
    .update(JSON.stringify(value, (_, inner: unknown) => sortedKeys(inner)))
    .digest('hex')
    .slice(0, DIGEST_LENGTH)

/** The order of an object's keys means nothing. */
const sortedKeys = (value: unknown): unknown =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
    ? Object.fromEntries(Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1)))
    : value
