import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ROOT } from './root.ts'

let folder: string

/** Has something open, says so, and would go on for ever. */
const endless = (): string => `
  import { rm, writeFile } from 'node:fs/promises'
  import { setTimeout as sleep } from 'node:timers/promises'
  import { closeWhenInterrupted, createClosing } from '${join(ROOT, 'test/support/closing.ts')}'
  const closing = createClosing()
  closeWhenInterrupted(closing)
  const open = '${join(folder, 'a.open')}'
  await writeFile(open, '')
  closing.add(() => rm(open))
  closing.add(() => { throw new Error('stuck') })
  closing.add(() => sleep(50))
  setInterval(() => undefined, 1_000)
  console.log('a is open')
`

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sluice-menu-'))
  await writeFile(join(folder, 'a.ts'), endless())
  await writeFile(join(folder, 'b.ts'), `console.log('b has begun')`)
})
afterAll(() => rm(folder, { recursive: true }))

/** Runs every program of the folder as `pnpm drill --all` does, and signals it once the first is open. */
const interrupt = async (signal: NodeJS.Signals): Promise<{ code: number; output: string }> => {
  const menu = { command: 'pnpm some', folder: relative(ROOT, folder), about: 'something' }
  const script = `
    import { runFromMenu } from './scripts/menu.ts'
    process.exitCode = await runFromMenu(${JSON.stringify(menu)}, ['--all'])
  `
  const child = spawn(process.execPath, ['--input-type=module', '--eval', script], { cwd: ROOT })
  let output = ''
  const hear = (chunk: string): void => {
    output += chunk
    if (output.includes('a is open') && !output.includes('closing')) child.kill(signal)
  }
  child.stdout.setEncoding('utf8').on('data', hear)
  child.stderr.setEncoding('utf8').on('data', hear)
  const [code] = (await once(child, 'close')) as [number]
  return { code, output }
}

describe('all of them, interrupted', () => {
  it.each([
    ['SIGHUP', 129],
    ['SIGTERM', 143],
    ['SIGINT', 130]
  ] as const)(
    'by %s: the one that runs closes what it has opened, and none is begun after it',
    async (signal, code) => {
      const ended = await interrupt(signal)
      expect(ended.code).toBe(code)
      expect(existsSync(join(folder, 'a.open'))).toBe(false)
      expect(ended.output).toContain('cleaning up: Error: stuck')
      expect(ended.output).not.toContain('b has begun')
    }
  )
})
