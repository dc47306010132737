import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { ROOT } from './root.ts'

/** A folder of programs, each run by its file's name: `pnpm drill <name>`, `pnpm bench <name>`. */
export interface Menu {
  /** As a person types it: `pnpm drill`. */
  command: string
  /** From the root of the repository. */
  folder: string
  about: string
}

const NOT_PROGRAMS = /\.test\.ts$|^_/

/** Runs what the arguments ask for and returns the exit code; without a name, or with `--help`, says what there is. */
export const runFromMenu = async (menu: Menu, args: readonly string[]): Promise<number> => {
  const names = await programsOf(menu)
  const list = names.length === 0 ? '  (none yet)' : names.map((name) => `  ${name}`).join('\n')
  const help = `${menu.command} <name> [options]      ${menu.about}\n${menu.command} --all                 every one, in turn\n\n${list}`
  const [name, ...rest] = args
  if (name === undefined || name === '--help') {
    console.log(help)
    return name === undefined ? 1 : 0
  }
  if (name === '--all') return runAll(menu, names, rest)
  if (names.includes(name)) return runOne(menu, name, rest)
  console.error(`There is no "${name}" in ${menu.folder}.\n\n${help}`)
  return 1
}

const programsOf = async ({ folder }: Menu): Promise<string[]> => {
  const files = await readdir(join(ROOT, folder)).catch(() => [])
  return files
    .filter((file) => file.endsWith('.ts') && !NOT_PROGRAMS.test(file))
    .map((file) => file.slice(0, -'.ts'.length))
    .toSorted()
}

const runAll = async (menu: Menu, names: readonly string[], args: readonly string[]): Promise<number> => {
  const failed: string[] = []
  for (const name of names) if ((await runOne(menu, name, args)) !== 0) failed.push(name)
  console.log(failed.length === 0 ? `\nall ${names.length} held` : `\nfailed: ${failed.join(', ')}`)
  return failed.length === 0 ? 0 : 1
}

const runOne = async (menu: Menu, name: string, args: readonly string[]): Promise<number> => {
  const child = spawn(process.execPath, [join(menu.folder, `${name}.ts`), ...args], {
    cwd: ROOT,
    stdio: 'inherit'
  })
  const pass = (signal: NodeJS.Signals): void => void child.kill(signal)
  process.on('SIGTERM', pass)
  process.on('SIGINT', () => undefined) // from a terminal the child has it already; it decides when to end
  const [code] = (await once(child, 'exit')) as [number | null]
  process.off('SIGTERM', pass)
  return code ?? 1
}
