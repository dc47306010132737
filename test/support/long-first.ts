import { basename } from 'node:path'
import { BaseSequencer, type TestSpecification } from 'vitest/node'

/**
 * On a machine that has not run them yet, vitest begins with the largest files. These are short and take long, most of
 * it waiting: begun last, they would wait alone.
 */
const LONG = new Set(['gateway-budget', 'worker-failpoints', 'feed-faults', 'worker-model', 'gateway-fuzz'])

const isLong = ({ moduleId }: TestSpecification): boolean => LONG.has(basename(moduleId, '.int.test.ts'))

export class LongFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    // oxlint-disable-next-line unicorn/no-array-sort -- this one is vitest's, and leaves its argument as it is
    const sorted = await super.sort(files)
    return [...sorted.filter(isLong), ...sorted.filter((file) => !isLong(file))]
  }
}
