import { spawn } from 'node:child_process'

/** How a program ended; `code` is undefined when it could not be started or was killed. */
export interface Ended {
  code: number | undefined
  /** What it wrote to stdout and stderr, in order of arrival. */
  output: string
}

export interface CommandOptions {
  env?: Record<string, string>
  cwd?: string
  /** Written to its stdin. */
  input?: string
  timeoutMs?: number
  /** Hears each line it writes, for progress. */
  onLine?: (line: string) => void
}

const DEFAULT_TIMEOUT_MS = 60_000

/** Runs a program to its end without a shell. Never throws: a program that is missing has no `code`. */
export const runCommand = (
  program: string,
  args: readonly string[],
  { env = {}, cwd, input, timeoutMs = DEFAULT_TIMEOUT_MS, onLine }: CommandOptions = {}
): Promise<Ended> =>
  new Promise((resolve) => {
    const child = spawn(program, args, {
      env: { ...process.env, ...env },
      stdio: ['pipe', 'pipe', 'pipe'],
      timeout: timeoutMs,
      killSignal: 'SIGKILL',
      ...(cwd === undefined ? {} : { cwd })
    })
    let output = ''
    const take = (chunk: string): void => {
      output += chunk
      if (onLine !== undefined) {
        for (const line of chunk.split('\n')) if (line.trim() !== '') onLine(line.trim())
      }
    }
    child.stdout.setEncoding('utf8').on('data', take)
    child.stderr.setEncoding('utf8').on('data', take)
    child.stdin.on('error', () => undefined) // it may end without reading
    child.stdin.end(input ?? '')
    child.once('error', (error) => resolve({ code: undefined, output: error.message }))
    // `exit`, not `close`: a daemon it started may hold its pipes open for ever.
    child.once('exit', (code) => {
      child.stdout.destroy()
      child.stderr.destroy()
      resolve({ code: code ?? undefined, output })
    })
  })

/** Runs a program that must succeed. @throws with the end of its output when it does not. */
export const mustRun = async (
  program: string,
  args: readonly string[],
  options: CommandOptions = {}
): Promise<string> => {
  const { code, output } = await runCommand(program, args, options)
  if (code === 0) return output
  throw new Error(
    `${[program, ...args].join(' ')} failed (${code ?? 'killed or not found'}):\n${tail(output)}`
  )
}

const TAIL_LINES = 15

const tail = (output: string): string => output.trim().split('\n').slice(-TAIL_LINES).join('\n')
