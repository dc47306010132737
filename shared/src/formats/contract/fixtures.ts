import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Type } from 'typebox'
import { Value } from 'typebox/value'
import type { Change } from '../../change.ts'
import { RecordError } from '../../errors.ts'
import { parseJson } from '../../json.ts'
import type { Format } from '../format.ts'

/** Where the formats live: one folder each, and this suite beside them. */
export const FORMATS_DIR = join(import.meta.dirname, '..')
/** Folders that are no format. */
export const OTHER_DIRS: readonly string[] = ['contract']

/** What a record of a fixture becomes. */
export type Expectation = { change: Change } | { rejection: { code: string; path: string } }

/** `fixtures/<name>.json` of a format: a record, and what must come of it. */
export interface Fixture {
  name: string
  record: unknown
  timeZone: string
  /** Absent in a fixture whose result nobody has written down yet. */
  expected?: Expectation
}

const DEFAULT_TIME_ZONE = 'Europe/Madrid'

const FixtureSchema = Type.Object(
  {
    about: Type.String({ minLength: 1 }),
    timeZone: Type.Optional(Type.String()),
    record: Type.Unknown(),
    change: Type.Optional(Type.Object({ kind: Type.String() })),
    rejection: Type.Optional(
      Type.Object({ code: Type.String(), path: Type.String() }, { additionalProperties: false })
    )
  },
  { additionalProperties: false }
)

/**
 * The fixtures of a format, by name.
 * @throws Error naming the file that is not a fixture.
 */
export const readFixtures = (formatName: string, formatsDir: string = FORMATS_DIR): Fixture[] => {
  const dir = join(formatsDir, formatName, 'fixtures')
  return readdirSync(dir)
    .filter((file) => file.endsWith('.json'))
    .toSorted()
    .map((file) => toFixture(file.slice(0, -'.json'.length), readFileSync(join(dir, file), 'utf8')))
}

const toFixture = (name: string, text: string): Fixture => {
  // As the worker reads it: the digits of a number are part of the record.
  const value: unknown = parseJson(text)
  if (!Value.Check(FixtureSchema, value)) {
    const [problem] = Value.Errors(FixtureSchema, value)
    throw new Error(`fixture ${name}: ${problem?.instancePath ?? ''} ${problem?.message ?? ''}`)
  }
  const { record, timeZone = DEFAULT_TIME_ZONE, change, rejection } = value
  if (change !== undefined && rejection !== undefined) {
    throw new Error(`fixture ${name}: a change or a rejection, not both`)
  }
  return {
    name,
    record,
    timeZone,
    ...(change === undefined ? {} : { expected: { change: change as Change } }),
    ...(rejection === undefined ? {} : { expected: { rejection } })
  }
}

/** What the format makes of a record; anything but a change or a `RecordError` is a bug and thrown on. */
export const outcomeOf = (format: Format, record: unknown, timeZone = DEFAULT_TIME_ZONE): Expectation => {
  try {
    return { change: format.toChange(record, { timeZone }) }
  } catch (error) {
    if (!(error instanceof RecordError)) throw error
    return { rejection: { code: error.code, path: error.path ?? '' } }
  }
}
