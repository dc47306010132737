import { execFileSync } from 'node:child_process'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'

/** What a program finds in its environment that was started with `A` set. */
const SCRIPT = `
  import { loadEnvFiles } from ${JSON.stringify(join(import.meta.dirname, 'env-files.ts'))}
  loadEnvFiles(process.argv[1])
  loadEnvFiles(process.argv[1] + '/nowhere')
  const { A, B, C } = process.env
  console.log(A, B, C)
`

test('what is set wins, then .env, then what npm start has written', async () => {
  const root = await mkdtemp(join(tmpdir(), 'sluice-env-'))
  onTestFinished(() => rm(root, { recursive: true }))
  await mkdir(join(root, '.sluice'))
  await writeFile(join(root, '.env'), 'A=file\nB=file\n')
  await writeFile(join(root, '.sluice/env'), 'B=house\nC=house\n')
  const found = execFileSync(process.execPath, ['--input-type=module', '-e', SCRIPT, root], {
    env: { A: 'set' },
    encoding: 'utf8'
  })
  expect(found).toBe('set file house\n')
})
