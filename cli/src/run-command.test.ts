import { Readable } from 'node:stream'
import { expect, test } from 'vitest'
import { createContext } from './context.ts'
import { createOutput } from './output.ts'
import { runCommand } from './run-command.ts'
import type { Shell } from './shell.ts'

const said = { stdout: '', stderr: '' }
const shell = (environment: Shell['environment'], more: Partial<Shell> = {}): Shell => {
  Object.assign(said, { stdout: '', stderr: '' })
  return {
    environment,
    cwd: () => '/srv/sluice',
    stdin: () => Readable.from([]),
    stdout: { write: (text) => (said.stdout += text) },
    stderr: { write: (text) => (said.stderr += text) },
    onInterrupt: () => undefined,
    ...more
  }
}

test('a command goes by the settings of its shell, and by no others', async () => {
  const { exitCode } = await runCommand(['vendors', 'list'], shell({ DATABASE_URL: 'mysql://x' }))
  expect(exitCode).toBe(78)
  expect(said.stderr).toContain('  - DATABASE_URL must match pattern')
})

test('a file of settings that cannot be read is told in one line', async () => {
  const loadSettings = (): void => {
    throw Object.assign(new Error("EACCES: permission denied, open '.env'"), { code: 'EACCES' })
  }
  const { exitCode } = await runCommand(['formats', 'list', '--json'], shell({}, { loadSettings }))
  expect(exitCode).toBe(1)
  expect(JSON.parse(said.stdout)).toEqual({
    error: { code: 'EACCES', message: "EACCES: permission denied, open '.env'" }
  })
})

test('a path begins where the person stands, not where npm runs the command', () => {
  const folderOf = (environment: Shell['environment']): string => {
    const here = shell(environment)
    const out = createOutput({ json: false, screen: { width: 100, color: false }, streams: here })
    return createContext(out, here).folder()
  }
  expect(folderOf({})).toBe('/srv/sluice')
  expect(folderOf({ INIT_CWD: '/home/ann/feeds' })).toBe('/home/ann/feeds')
})
