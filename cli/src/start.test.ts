import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'

const folder = import.meta.dirname
const files = (await readdir(folder, { recursive: true })).filter(
  (name) => name.endsWith('.ts') && !name.endsWith('.test.ts')
)
expect(files.length).toBeGreaterThan(50)

test('no command loads the scheduler at its start', async () => {
  for (const name of files) {
    const source = await readFile(join(folder, name), 'utf8')
    expect(source, name).not.toMatch(/^(?:import|export) (?!type\b)[^'()]*'@sluice\/scheduler/m)
  }
})

// So a command means the same wherever it is done: in a process of its own, or in that of a test.
test('nothing but run.ts looks at the process or writes to it', async () => {
  for (const name of files.filter((each) => each !== 'run.ts')) {
    const source = await readFile(join(folder, name), 'utf8')
    expect(source.replaceAll('process.getuid', ''), name).not.toMatch(/\bprocess\.\w|\bprocess'|\bconsole\./)
  }
})
