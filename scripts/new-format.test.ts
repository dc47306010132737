import { spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { unboundedPlaces } from '../shared/src/formats/contract/extremes.ts'
import { inspectLeaves } from '../shared/src/formats/contract/leaves.ts'
import { goldenProblems, readGolden } from '../shared/src/formats/contract/golden.ts'
import { outcomeOf, readFixtures } from '../shared/src/formats/contract/fixtures.ts'
import type { Format } from '../shared/src/formats/format.ts'
import { formats } from '../shared/src/formats/index.ts'
import { toIdentifier, withFormat } from './format-template.ts'

// Each test starts a process or two; on a busy machine that takes its time.
vi.setConfig({ testTimeout: 30_000 })

// The copy lies beside the original, so that a scaffold's imports find what they find in the repository.
const SHARED = join(import.meta.dirname, '../shared/src')
let dir: string

beforeAll(() => {
  dir = mkdtempSync(join(SHARED, '.new-format-'))
  cpSync(join(SHARED, 'formats'), dir, { recursive: true, filter: (path) => !path.endsWith('.test.ts') })
})
afterAll(() => rmSync(dir, { recursive: true, force: true }))

const run = (...args: string[]): { status: number | null; output: string } => {
  const script = join(import.meta.dirname, 'new-format.ts')
  const { status, stdout, stderr } = spawnSync(process.execPath, [script, ...args, '--dir', dir], {
    encoding: 'utf8'
  })
  return { status, output: stdout + stderr }
}

test('a scaffolded format passes the contract as it stands', async () => {
  const { status, output } = run('open-immo', '--docs', 'https://vendor.example/docs')
  expect(output).toContain('Sealed 2 fixtures of open-immo, formatVersion 1.')
  expect(status).toBe(0)

  const { openImmo } = (await import(join(dir, 'open-immo/format.ts'))) as { openImmo: Format }
  const fixtures = readFixtures('open-immo', dir)
  for (const fixture of fixtures) expect(outcomeOf(openImmo, fixture.record)).toEqual(fixture.expected)
  expect(fixtures.map(({ expected }) => Object.keys(expected ?? {})[0])).toEqual(['rejection', 'change'])
  expect(goldenProblems(openImmo, fixtures, readGolden('open-immo', dir))).toEqual([])
  expect(Object.values(inspectLeaves(openImmo, fixtures)).flat()).toEqual([])
  expect(unboundedPlaces(openImmo, fixtures)).toEqual([])
  expect(readFileSync(join(dir, 'open-immo/README.md'), 'utf8')).toContain('https://vendor.example/docs')
  const listed = [...formats.map(({ name }) => toIdentifier(name)), 'openImmo'].toSorted()
  expect(readFileSync(join(dir, 'index.ts'), 'utf8').replaceAll(/\s+/g, '')).toContain(
    `[${listed.join(',')}]`
  )
})

test('sealing again changes nothing; another meaning under the same version is refused', () => {
  const file = join(dir, 'open-immo/golden.json')
  const before = readFileSync(file, 'utf8')
  expect(run('--seal', 'open-immo').status).toBe(0)
  expect(readFileSync(file, 'utf8')).toBe(before)

  const format = join(dir, 'open-immo/format.ts')
  writeFileSync(format, readFileSync(format, 'utf8').replace("'total' : 'month'", "'month' : 'total'"))
  const { status, output } = run('--seal', 'open-immo')
  expect(status).toBe(1)
  expect(output).toContain('sale means something else now: raise formatVersion')
  expect(readFileSync(file, 'utf8')).toBe(before)
})

test('what is written in a fixture and not true any more is named, and not sealed', () => {
  const format = join(dir, 'open-immo/format.ts')
  writeFileSync(format, readFileSync(format, 'utf8').replace('formatVersion: 1', 'formatVersion: 2'))
  const golden = readFileSync(join(dir, 'open-immo/golden.json'), 'utf8')
  const refused = run('--seal', 'open-immo')
  expect(refused.output).toBe(
    'sale: its "change" is not what the format gives now; delete it from the fixture and seal again\n'
  )
  expect(refused.status).toBe(1)
  expect(readFileSync(join(dir, 'open-immo/golden.json'), 'utf8')).toBe(golden)

  const fixture = join(dir, 'open-immo/fixtures/sale.json')
  const { change: _, ...rest } = JSON.parse(readFileSync(fixture, 'utf8')) as Record<string, unknown>
  writeFileSync(fixture, JSON.stringify(rest))
  const { status, output } = run('--seal', 'open-immo')
  expect(output).toContain('Sealed 2 fixtures of open-immo, formatVersion 2.')
  expect(status).toBe(0)
})

test.each([
  [['Open Immo', '--docs', 'https://vendor.example'], 'cannot be a format’s name'],
  [['contract', '--docs', 'https://vendor.example'], 'cannot be a format’s name'],
  [['kyero', '--docs', 'https://vendor.example'], 'There is a format kyero already'],
  [['acme'], 'Say where the vendor documents the format'],
  [[], 'Give one name'],
  [['--seal', 'nobody'], 'There is no format nobody'],
  [['--nonsense'], '--nonsense']
])('%j is explained', (args, message) => {
  const { status, output } = run(...args)
  expect(status).toBe(1)
  expect(output.replaceAll("'", '’')).toContain(message)
  expect(output).not.toContain('    at ')
})

test('--help teaches', () => {
  const { status, output } = run('--help')
  expect(status).toBe(0)
  expect(output).toContain('pnpm new:format --seal <name>')
})

test('a long list is written as the formatter would write it', () => {
  const many = Array.from({ length: 12 }, (_, index) => `format${index}`)
  const index = `import { a } from './a/format.ts'\nexport const formats: readonly Format[] = [a, ${many.join(', ')}]\n`
  expect(withFormat(index, 'zeta')).toContain('= [\n  a,\n  format0,\n')
})
