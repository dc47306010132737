import { defineConfig } from 'vitest/config'
import { COMPILE_CACHE } from './scripts/root.ts'
import { LongFirst } from './test/support/long-first.ts'

// Unit tests stand beside their source and touch nothing; integration tests run on real services.
export default defineConfig({
  test: {
    // Files follow each other in one process: to load the same modules anew for each took longer than most tests.
    // So a file leaves nothing behind, no fake clock and no open connection.
    isolate: false,
    // For the test processes, and for the services the tests start.
    env: { NODE_COMPILE_CACHE: COMPILE_CACHE },
    sequence: { sequencer: LongFirst },
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['*/src/**/*.test.ts', 'scripts/**/*.test.ts'],
          environment: 'node'
        }
      },
      {
        extends: true,
        test: {
          name: 'integration',
          include: ['test/**/*.int.test.ts'],
          environment: 'node',
          globalSetup: ['test/support/global-setup.ts'],
          testTimeout: 60_000,
          hookTimeout: 60_000,
          // Half of their time is waiting, for processes and brokers to start and for clocks: three fill two cores.
          maxWorkers: 3
        }
      }
    ]
  }
})
