import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ROOT } from '../root.ts'

/** The static checks of `pnpm check`, in its order. */
export const CHECKS = ['types', 'lint', 'format', 'dead'] as const

/** Runs `check:<name>` of package.json, its output going to ours. True when it found nothing. */
export const runCheck = async (name: (typeof CHECKS)[number]): Promise<boolean> => {
  const manifest = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8')) as {
    scripts: Record<string, string>
  }
  const [program = '', ...args] = manifest.scripts[`check:${name}`]?.split(' ') ?? []
  const child = spawn(program, args, { cwd: ROOT, stdio: ['ignore', 'inherit', 'inherit'] })
  const [code] = (await once(child, 'exit')) as [number | null]
  return code === 0
}
