import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
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
  /** Called once it runs, for tests that talk back. */
  onStart?: (child: {
    kill: (signal: NodeJS.Signals) => void
    stdout: () => string
    stderr: () => string
  }) => void | Promise<void>
}

const MAIN = fileURLToPath(new URL('../../cli/src/main.mjs', import.meta.url))

/** Runs the real program with exactly these settings and waits for its end. */
export const sluice = async (
  args: readonly string[],
  { env = {}, input, onStart }: CliOptions = {}
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
  return {
    code,
    ...out,
    json: <T>() => JSON.parse(out.stdout) as T
  }
}

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
