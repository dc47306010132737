import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { expect, test } from 'vitest'

test.each([['--bogus'], ['now']])(
  '%s is answered with the help',
  (word) => {
    const { status, stderr } = spawnSync(process.execPath, [join(import.meta.dirname, 'start.ts'), word], {
      encoding: 'utf8'
    })
    expect(stderr).toMatch(new RegExp(`^[^\\n]*'${word}'`))
    expect(stderr).toContain('npm start [-- --once]')
    expect(stderr).not.toContain('    at ')
    expect(status).toBe(2)
  },
  30_000
)
