import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'

test('no command loads the scheduler at its start', async () => {
  const folder = import.meta.dirname
  const files = (await readdir(folder, { recursive: true })).filter((name) => name.endsWith('.ts'))
  expect(files.length).toBeGreaterThan(50)
  for (const name of files) {
    const source = await readFile(join(folder, name), 'utf8')
    expect(source, name).not.toMatch(/^(?:import|export) (?!type\b)[^'()]*'@sluice\/scheduler/m)
  }
})
