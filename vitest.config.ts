import { defineConfig } from 'vitest/config'

// Unit tests stand beside their source and touch nothing; integration tests run on real services.
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['*/src/**/*.test.ts', 'scripts/**/*.test.ts'],
          environment: 'node'
        }
      },
      {
        test: {
          name: 'integration',
          include: ['test/**/*.int.test.ts'],
          environment: 'node',
          globalSetup: ['test/support/global-setup.ts'],
          testTimeout: 60_000,
          hookTimeout: 60_000,
          // The tests start processes and brokers of their own; two files at a time fill two cores.
          maxWorkers: 2
        }
      }
    ]
  }
})
