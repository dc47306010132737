import { relative } from 'node:path'
import { startVitest, type TestCase } from 'vitest/node'
import { ROOT } from '../root.ts'

/** What became of one vitest project. */
export interface SuiteResult {
  passed: number
  failed: number
  skipped: readonly SkippedTest[]
  /** Every test that ran, with how long it took. */
  timings: readonly { name: string; ms: number }[]
}

interface SkippedTest {
  name: string
  reason: string
}

/**
 * Runs one project of vitest.config.ts; `filters` are parts of file names. A file that cannot be loaded and an error
 * nobody caught each count as a failure: the figure may never look better than the run was.
 */
export const runSuite = async (
  project: 'unit' | 'integration',
  filters: readonly string[]
): Promise<SuiteResult> => {
  const vitest = await startVitest('test', [...filters], {
    root: ROOT,
    project: [project],
    watch: false,
    reporters: ['default'],
    passWithNoTests: filters.length > 0
  })
  const modules = vitest.state.getTestModules()
  const tests = modules.flatMap((module) => [...module.children.allTests()])
  const inState = (state: string): TestCase[] => tests.filter((test) => test.result().state === state)
  const broken = modules.filter((module) => !module.ok() && !hasFailedTest([...module.children.allTests()]))
  const uncaught = vitest.state.getUnhandledErrors().length
  const unfinished = inState('pending').length
  const result: SuiteResult = {
    passed: inState('passed').length,
    failed: inState('failed').length + broken.length + uncaught + unfinished,
    skipped: inState('skipped').map((test) => ({ name: nameOf(test), reason: reasonOf(test) })),
    timings: tests.map((test) => ({ name: nameOf(test), ms: test.diagnostic()?.duration ?? 0 }))
  }
  await vitest.close()
  return result
}

const hasFailedTest = (tests: readonly TestCase[]): boolean =>
  tests.some((test) => test.result().state === 'failed')

const nameOf = (test: TestCase): string => `${relative(ROOT, test.module.moduleId)} › ${test.fullName}`

const reasonOf = (test: TestCase): string => {
  const result = test.result()
  return (result.state === 'skipped' ? result.note : undefined) ?? 'no reason given'
}
