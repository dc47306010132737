import { mustRun } from './command.ts'
import { bold, dim, green, red, seconds, step } from './progress.ts'
import { ROOT } from './root.ts'
import { provideManagement, provideServices } from './services.ts'
import { provideFileServers } from './services/file-servers.ts'
import { CHECKS, runCheck } from './test/check.ts'
import { runSuite, type SuiteResult } from './test/suite.ts'

/**
 * `npm test`: services, generated code, the static checks, the unit tests, the integration tests on real services.
 * Stops at the first step that fails. Arguments are parts of test file names: `npm test -- merge`.
 */

const SLOWEST = 10
const HELP = `npm test [-- <part of a test file's name> …]

Runs, and stops at the first that fails: types, lint, format, dead code, unit tests, integration tests.
Services are provided as for npm start; DATABASE_URL, RABBITMQ_URL and REDIS_URL name others.`

const suites: SuiteResult[] = []
const steps: string[] = []

/** Runs one step under a headline; returns whether it went well. */
const runStep = async (name: string, work: () => Promise<boolean>): Promise<boolean> => {
  console.log(bold(`\n${name}`))
  const startedAt = Date.now()
  let isGood = false
  try {
    isGood = await work()
  } catch (error) {
    console.error(error instanceof Error ? error.message : error)
  }
  const took = seconds(Date.now() - startedAt)
  steps.push(`${isGood ? green('✓') : red('✗')} ${name.padEnd(18)} ${dim(took)}`)
  return isGood
}

const runTests = async (project: 'unit' | 'integration', filters: readonly string[]): Promise<boolean> => {
  const result = await runSuite(project, filters)
  suites.push(result)
  return result.failed === 0
}

const provide = async (): Promise<boolean> => {
  const urls = await provideServices()
  await provideManagement(urls.RABBITMQ_URL) // some tests look at the broker through it
  await step(
    'FTP, SFTP',
    ({ note }) => provideFileServers(note),
    (isThere) => (isThere ? 'servers are installed' : 'no servers, their tests are skipped')
  )
  // Every test makes a database of its own; what it starts from is never the one of `npm start`.
  const server = new URL(urls.DATABASE_URL)
  server.pathname = '/postgres'
  Object.assign(process.env, urls, { DATABASE_URL: server.toString() }) // the tests read it there
  await mustRun(process.execPath, ['scripts/generate.ts'], { cwd: ROOT, timeoutMs: 120_000 })
  return true
}

const runAll = async (filters: readonly string[]): Promise<boolean> => {
  if (!(await runStep('services', provide))) return false
  for (const check of CHECKS) if (!(await runStep(check, () => runCheck(check)))) return false
  for (const project of ['unit', 'integration'] as const) {
    if (!(await runStep(`${project} tests`, () => runTests(project, filters)))) return false
  }
  if (suites.some(({ timings, skipped }) => timings.length + skipped.length > 0)) return true
  console.error(`\nNo test ran: no test file's name has ${filters.join(' or ')}.`)
  return false
}

const report = (isGood: boolean, startedAt: number): void => {
  const skipped = suites.flatMap((suite) => suite.skipped)
  const slowest = suites
    .flatMap((suite) => suite.timings)
    .toSorted((a, b) => b.ms - a.ms)
    .slice(0, SLOWEST)
  if (slowest.length > 0) {
    console.log(bold('\nslowest tests'))
    for (const { name, ms } of slowest) console.log(`  ${seconds(ms).padStart(7)}  ${name}`)
  }
  if (skipped.length > 0) {
    console.log(bold('\nskipped'))
    for (const { name, reason } of skipped) console.log(`  ${name}: ${reason}`)
  }
  console.log(bold('\nsteps'))
  for (const line of steps) console.log(`  ${line}`)

  const passed = sum(suites.map((suite) => suite.passed))
  const failedTests = sum(suites.map((suite) => suite.failed))
  // A check that fails is a failure too, though no test has failed.
  const failed = isGood ? 0 : Math.max(1, failedTests)
  const verdict = isGood ? green('everything holds') : red('not good: see the last step above')
  console.log(`\n${verdict}, after ${seconds(Date.now() - startedAt)}`)
  console.log(`${passed} passed, ${failed} failed${skipped.length > 0 ? `, ${skipped.length} skipped` : ''}`)
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0)

const args = process.argv.slice(2)
const unknown = args.find((arg) => arg.startsWith('-'))
if (args.includes('--help')) {
  console.log(HELP)
} else if (unknown !== undefined) {
  console.error(`npm test knows no option ${unknown}.\n\n${HELP}`)
  process.exitCode = 2
} else {
  const startedAt = Date.now()
  const isGood = await runAll(args)
  report(isGood, startedAt)
  process.exit(isGood ? 0 : 1)
}
