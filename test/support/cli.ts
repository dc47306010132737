import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { runCommand } from '../../cli/src/run-command.ts'
import { ROOT } from './process.ts'

/** What one `sluice …` said, and how it ended. */
export interface Said {
  code: number | null
  stdout: string
  stderr: string
  /** stdout as the one JSON document it must be. */
  json: <T = Record<string, unknown>>() => T
}

export interface CliOptions {
  /** Settings; an empty one counts as not given, whatever `.env` says. */
  env?: Record<string, string>
  /** What it reads from stdin. */
  input?: string
}

export interface ProcessOptions extends CliOptions {
  /** Called once it runs, for tests that talk back. */
  onStart?: (child: {
    kill: (signal: NodeJS.Signals) => void
    stdout: () => string
    stderr: () => string
  }) => void | Promise<void>
}

const MAIN = fileURLToPath(new URL('../../cli/src/main.mjs', import.meta.url))

/**
 * Does one command with exactly these settings, in this process: all of it but `main.mjs` and `run.ts`, in a fifth of
 * the time a process takes. `cli.int.test.ts` shows that a process says the same.
 */
export const sluice = async (
  args: readonly string[],
  { env = {}, input = '' }: CliOptions = {}
): Promise<Said> => {
  const said = { stdout: '', stderr: '' }
  const { exitCode, close } = await runCommand(args, {
    environment: env,
    cwd: () => ROOT,
    stdin: () => Readable.from([Buffer.from(input)]),
    stdout: { write: (text) => (said.stdout += text) },
    stderr: { write: (text) => (said.stderr += text) },
    onInterrupt: () => undefined
  })
  await close()
  return toSaid(exitCode, said)
}

/** Runs the real program with exactly these settings and waits for its end. */
export const sluiceProcess = async (
  args: readonly string[],
  { env = {}, input, onStart }: ProcessOptions = {}
): Promise<Said> => {
  const child = spawn(process.execPath, [MAIN, ...args], {
    cwd: ROOT,
    env: { PATH: process.env.PATH, ...NOTHING, ...env },
    stdio: ['pipe', 'pipe', 'pipe']
  })
  child.stdin.on('error', () => undefined).end(input) // it may end without reading
  const out = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (chunk: string) => {
      out[name] += chunk
    })
  }
  const ended = once(child, 'close') as Promise<[number | null]>
  await onStart?.({
    kill: (signal) => void child.kill(signal),
    stdout: () => out.stdout,
    stderr: () => out.stderr
  })
  const [code] = await ended
  return toSaid(code, out)
}

const toSaid = (code: number | null, { stdout, stderr }: Pick<Said, 'stdout' | 'stderr'>): Said => ({
  code,
  stdout,
  stderr,
  json: <T>() => JSON.parse(stdout) as T
})

/** Not given: an empty variable hides what a `.env` in the repository would say. */
const NOTHING = {
  DATABASE_URL: '',
  RABBITMQ_URL: '',
  REDIS_URL: '',
  SLUICE_NAMESPACE: '',
  SLUICE_SECRETS_KEY: '',
  SCHEDULER_EGRESS_ALLOW: '',
  LOG_LEVEL: ''
}
