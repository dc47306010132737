import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdir } from 'node:fs/promises'
import { constants } from 'node:os'
import { join } from 'node:path'
import { bold, dim } from './progress.ts'
import { ROOT } from './root.ts'

/** A folder of programs, each run by its file's name: `pnpm drill <name>`, `pnpm bench <name>`. */
export interface Menu {
  /** As a person types it: `pnpm drill`. */
  command: string
  /** From the root of the repository. */
  folder: string
  about: string
  /** Lower ones come first in `--all`, equal ones by name. */
  rank?: (name: string) => number
  /** Hears how each program of `--all` ended. */
  onEnd?: (name: string, exitCode: number) => Promise<void>
}

const INTERRUPTIONS: readonly Interruption[] = ['SIGHUP', 'SIGINT', 'SIGTERM']
const NOT_PROGRAMS = /\.test\.ts$|^_/

type Interruption = 'SIGHUP' | 'SIGINT' | 'SIGTERM'

/**
 * Runs what the arguments ask for and returns the exit code; without a name, or with `--help`, says what there is.
 * SIGHUP, SIGINT and SIGTERM are passed on to the program that runs; none is begun after it.
 */
export const runFromMenu = async (menu: Menu, args: readonly string[]): Promise<number> => {
  const names = await programsOf(menu)
  const list = names.length === 0 ? '  (none yet)' : names.map((name) => `  ${name}`).join('\n')
  const help = `${menu.command} <name> [options]      ${menu.about}\n${menu.command} --all                 every one, in turn\n${menu.command} --all --only a,b      those whose names begin so\n\n${list}`
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

const runAll = async (menu: Menu, all: readonly string[], given: readonly string[]): Promise<number> => {
  const { args, only } = withoutOnly(given)
  const { rank = () => 0 } = menu
  const names = all
    .filter((name) => only.length === 0 || only.some((beginning) => name.startsWith(beginning)))
    .toSorted((a, b) => rank(a) - rank(b))
  const idle = only.find((beginning) => !names.some((name) => name.startsWith(beginning)))
  if (names.length === 0 || idle !== undefined) {
    console.error(`Nothing in ${menu.folder} begins with "${idle ?? ''}".`)
    return 1
  }
  const startedAt = Date.now()
  const failed: string[] = []
  const heard = hear()
  for (const [index, name] of names.entries()) {
    console.log(bold(`\n[${index + 1}/${names.length}] ${name}`), dim(`after ${minutes(startedAt)}`))
    const code = await runOne(menu, name, args)
    if (code !== 0) failed.push(name)
    await menu.onEnd?.(name, code)
    const signal = heard()
    if (signal === undefined) continue
    console.log(
      `\nended by ${signal} in ${name}, ${index + 1} of ${names.length}, after ${minutes(startedAt)}`
    )
    return codeOf(signal)
  }
  const verdict = failed.length === 0 ? `all ${names.length} held` : `failed: ${failed.join(', ')}`
  console.log(`\n${verdict}, in ${minutes(startedAt)}`)
  return failed.length === 0 ? 0 : 1
}

/** From now on the signal that told us to end, if one did. */
const hear = (): (() => Interruption | undefined) => {
  let heard: Interruption | undefined
  for (const signal of INTERRUPTIONS) process.on(signal, () => (heard ??= signal))
  return () => heard
}

/** `--only a,b`, and what is for the programs themselves. */
const withoutOnly = (given: readonly string[]): { args: readonly string[]; only: readonly string[] } => {
  const at = given.indexOf('--only')
  if (at < 0) return { args: given, only: [] }
  const only = (given[at + 1] ?? '').split(',').filter((beginning) => beginning !== '')
  return { args: given.toSpliced(at, 2), only: only.length === 0 ? ['(nothing)'] : only }
}

const minutes = (since: number): string => {
  const seconds = Math.round((Date.now() - since) / 1000)
  return `${Math.floor(seconds / 60)} min ${seconds % 60} s`
}

const runOne = async (menu: Menu, name: string, args: readonly string[]): Promise<number> => {
  const child = spawn(process.execPath, [join(menu.folder, `${name}.ts`), ...args], {
    cwd: ROOT,
    stdio: 'inherit'
  })
  // From a terminal the child has SIGINT already. It decides when to end, and minds none twice.
  const pass = (signal: NodeJS.Signals): void => void child.kill(signal)
  for (const signal of INTERRUPTIONS) process.on(signal, pass)
  const [code, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null]
  for (const passed of INTERRUPTIONS) process.off(passed, pass)
  return code ?? (signal === null ? 1 : codeOf(signal))
}

/** As a shell says that a signal has ended a program. */
const codeOf = (signal: NodeJS.Signals): number => 128 + constants.signals[signal]
