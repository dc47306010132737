import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { open, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { COMPILE_CACHE, ROOT } from '../root.ts'

export interface ChildOptions {
  /** Name of its log file and in messages: `worker-1`. */
  name: string
  /** From the root of the repository: `worker/src/main.ts`. */
  main: string
  env: Record<string, string>
  logFolder: string
  /** Answers 200 at /readyz when it does its work. */
  healthPort: number
}

/** A service of the house as a child process; what it writes goes to `<logFolder>/<name>.log`. */
export interface Child {
  name: string
  /** Resolves when it does its work. */
  ready: () => Promise<void>
  /** Rejects with the end of its log when it ends without having been asked to. */
  failed: Promise<never>
  /** SIGTERM, and SIGKILL when that is not enough. Resolves to its exit code, `undefined` when it was killed. */
  stop: () => Promise<number | undefined>
}

const READY_TIMEOUT_MS = 60_000
const POLL_MS = 100
const STOP_TIMEOUT_MS = 30_000
const TAIL_LINES = 25

export const startChild = async ({
  name,
  main,
  env,
  logFolder,
  healthPort
}: ChildOptions): Promise<Child> => {
  const logFile = join(logFolder, `${name}.log`)
  const log = await open(logFile, 'w')
  const imports = ['--import', './shared/src/instrument.ts', '--import', import.meta.resolve('./leash.ts')]
  const child = spawn(process.execPath, [...imports, main], {
    cwd: ROOT,
    env: { ...process.env, NODE_COMPILE_CACHE: COMPILE_CACHE, ...env },
    stdio: ['ignore', log.fd, log.fd, 'ipc'],
    // A group of its own: Ctrl-C is for the program that started it, which then stops it in order.
    detached: true
  })
  const exit = once(child, 'exit') as Promise<[code: number | null]>
  await log.close()
  let isStopping = false

  const failed = exit.then(async ([code]) => {
    if (isStopping) return new Promise<never>(() => undefined)
    const tail = (await readFile(logFile, 'utf8')).trim().split('\n').slice(-TAIL_LINES).join('\n')
    throw new Error(`${name} has ended (${code ?? 'killed'}); the end of ${logFile}:\n${tail}`)
  })
  failed.catch(() => undefined) // heard by whoever races it

  return {
    name,
    failed,
    ready: () => Promise.race([untilReady(name, healthPort), failed]),
    stop: async () => {
      isStopping = true
      if (child.exitCode !== null) return child.exitCode
      child.kill('SIGTERM')
      const timer = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS)
      const [code] = await exit
      clearTimeout(timer)
      return code ?? undefined
    }
  }
}

const untilReady = async (name: string, port: number): Promise<void> => {
  const end = Date.now() + READY_TIMEOUT_MS
  let last = 'no answer'
  while (Date.now() < end) {
    try {
      const response = await fetch(`http://127.0.0.1:${port}/readyz`, { signal: AbortSignal.timeout(2_000) })
      last = await response.text()
      if (response.ok) return
    } catch {
      // not listening yet
    }
    await sleep(POLL_MS)
  }
  throw new Error(`${name} is not ready after ${READY_TIMEOUT_MS / 1000} s: ${last}`)
}
