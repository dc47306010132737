import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { isDeepStrictEqual, parseArgs } from 'node:util'
import {
  FORMATS_DIR,
  OTHER_DIRS,
  outcomeOf,
  readFixtures,
  type Fixture
} from '../shared/src/formats/contract/fixtures.ts'
import { goldenProblems, readGolden, sealed, writeGolden } from '../shared/src/formats/contract/golden.ts'
import { publishSchema } from '../shared/src/formats/contract/published-schema.ts'
import type { Format } from '../shared/src/formats/format.ts'
import { templateFiles, toIdentifier, withFormat } from './format-template.ts'

const HELP = `Add a format: how a vendor's records look and what they mean (docs/formats.md).

  pnpm new:format <name> --docs <url>   write shared/src/formats/<name>/ and list it in index.ts
  pnpm new:format --seal <name>         write down what its fixtures mean today

  <name>        lower-case words joined by "-": kyero, open-immo
  --docs <url>  the vendor's documentation, for the README
  --dir <path>  another folder of formats (for tests)
  --help        this text

The new format works and passes the contract suite as it stands. Then:
  1. replace its schema, mapping and fixtures by the vendor's (a fixture needs only "about" and "record");
  2. pnpm new:format --seal <name> fills in "change" or "rejection" – read them, they are what you promise;
  3. npx vitest run --project unit shared/src/formats

Sealing never changes what was sealed under the same formatVersion: when a record comes to mean something else, raise
formatVersion first, so that feeds send unchanged records again.`

const NAME = /^[a-z][a-z0-9]*(-[a-z0-9]+)*$/
const MAX_NAME_LENGTH = 40

/** A mistake in how the command was called. */
class UsageError extends Error {}

const main = async (args: string[]): Promise<void> => {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      help: { type: 'boolean', short: 'h' },
      seal: { type: 'string' },
      docs: { type: 'string' },
      dir: { type: 'string', default: FORMATS_DIR }
    }
  })
  if (values.help === true) return console.log(HELP)
  if (values.seal !== undefined) return seal(values.seal, values.dir)
  const [name, ...more] = positionals
  if (name === undefined || more.length > 0) throw new UsageError('Give one name. See pnpm new:format --help')
  await scaffold(name, values.docs, values.dir)
}

const scaffold = async (name: string, docs: string | undefined, dir: string): Promise<void> => {
  const problem = problemWith(name, docs, dir)
  if (problem !== undefined || docs === undefined) throw new UsageError(problem ?? '')
  for (const [path, text] of Object.entries(templateFiles({ name, docs }))) {
    const file = join(dir, name, path)
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, text)
  }
  const index = join(dir, 'index.ts')
  writeFileSync(index, withFormat(readFileSync(index, 'utf8'), name))
  await seal(name, dir)
  console.log(`\nWrote ${join(dir, name)} and listed it in index.ts. Next: pnpm new:format --help`)
}

const problemWith = (name: string, docs: string | undefined, dir: string): string | undefined => {
  if (!NAME.test(name) || name.length > MAX_NAME_LENGTH || OTHER_DIRS.includes(name)) {
    return `"${name}" cannot be a format's name: lower-case words joined by "-", at most ${MAX_NAME_LENGTH} characters`
  }
  if (existsSync(join(dir, name))) return `There is a format ${name} already: ${join(dir, name)}`
  if (docs === undefined || !/^https?:\/\/\S+$/.test(docs)) {
    return 'Say where the vendor documents the format: --docs https://…'
  }
  return undefined
}

/** A fixture with its result behind what is there, which stays as it was written: numbers with every digit. */
const withResult = (fixture: string, result: object): string => {
  const open = fixture.slice(0, fixture.lastIndexOf('}')).trimEnd()
  return `${open},${JSON.stringify(result, undefined, 2).slice(1)}\n`
}

/**
 * Writes what each fixture means today: into the fixture when it has no result yet, and into golden.json.
 * @throws UsageError when a fixture says something else, or did under the same version; then nothing is written.
 */
const seal = async (name: string, dir: string): Promise<void> => {
  if (!existsSync(join(dir, name, 'format.ts'))) {
    const known = readdirSync(dir).filter((entry) => existsSync(join(dir, entry, 'format.ts')))
    throw new UsageError(`There is no format ${name}; there are ${known.join(', ')}`)
  }
  const format = await load(name, dir)
  const fixtures = readFixtures(name, dir)
  const golden = sealed(format, fixtures, readGolden(name, dir))
  const problems = [...contradictions(format, fixtures), ...goldenProblems(format, fixtures, golden)]
  if (problems.length > 0) throw new UsageError(problems.join('\n'))
  for (const fixture of fixtures) {
    if (fixture.expected !== undefined) continue
    const file = join(dir, name, 'fixtures', `${fixture.name}.json`)
    const result = outcomeOf(format, fixture.record, fixture.timeZone)
    writeFileSync(file, withResult(readFileSync(file, 'utf8'), result))
    console.log(`${fixture.name}: ${'change' in result ? result.change.kind : describe(result.rejection)}`)
  }
  writeGolden(name, golden, dir)
  publishSchema(format, dir)
  console.log(`Sealed ${fixtures.length} fixtures of ${name}, formatVersion ${format.formatVersion}.`)
}

/** What is written in a fixture is a promise: it is never replaced, only ever found to be broken. */
const contradictions = (format: Format, fixtures: readonly Fixture[]): string[] =>
  fixtures.flatMap(({ name, record, timeZone, expected }) => {
    if (expected === undefined) return []
    const written = JSON.stringify(outcomeOf(format, record, timeZone))
    if (isDeepStrictEqual(JSON.parse(written), expected)) return []
    const [kind] = Object.keys(expected)
    return [
      `${name}: its "${kind}" is not what the format gives now; delete it from the fixture and seal again`
    ]
  })

const describe = ({ code, path }: { code: string; path: string }): string => `rejected, ${code} ${path}`

const load = async (name: string, dir: string): Promise<Format> => {
  const file = join(dir, name, 'format.ts')
  const module = (await import(pathToFileURL(file).href)) as Record<string, Format | undefined>
  const format = module[toIdentifier(name)]
  if (format === undefined) throw new UsageError(`${file} does not export "${toIdentifier(name)}"`)
  return format
}

try {
  await main(process.argv.slice(2))
} catch (error) {
  const isUsage = error instanceof UsageError || (error instanceof TypeError && 'code' in error)
  console.error(isUsage ? error.message : error)
  process.exitCode = 1
}
