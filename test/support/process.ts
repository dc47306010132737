import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { fileURLToPath } from 'node:url'

/** Root of the repository. */
export const ROOT = fileURLToPath(new URL('../..', import.meta.url))

/** A TCP port nobody listens on right now. */
export const freePort = async (): Promise<number> => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new Error('no free port')
  return address.port
}

export interface WaitOptions {
  timeoutMs?: number
  everyMs?: number
  /** Asked once when it was in vain: how things stood, for whoever reads the failure. */
  standing?: () => Promise<unknown>
}

/** Waits until `condition` returns something truthy, and returns it. Fails by naming `what` it waited for. */
export const waitFor = async <T>(
  what: string,
  condition: () => Promise<T> | T,
  { timeoutMs = 30_000, everyMs = 50, standing }: WaitOptions = {}
): Promise<Exclude<T, false | null | undefined>> => {
  const end = Date.now() + timeoutMs
  let last: unknown
  while (Date.now() < end) {
    try {
      const value = await condition()
      if (value) return value as Exclude<T, false | null | undefined>
      last = value
    } catch (error) {
      last = error
    }
    await new Promise((resolve) => setTimeout(resolve, everyMs))
  }
  const stood = await standing?.().catch((error: unknown) => ({ unknown: String(error) }))
  const how = stood === undefined ? '' : `\n${JSON.stringify(stood, null, 2)}`
  throw new Error(`waited ${timeoutMs} ms in vain for: ${what} (last: ${String(last)})${how}`, {
    cause: last
  })
}

/** A child process whose output is kept, and which is stopped with the test. */
export interface Running {
  pid: number
  /** Everything it has written so far. */
  output: () => string
  /** Its JSON log lines so far. */
  lines: () => Record<string, unknown>[]
  exit: Promise<{ code: number | null; signal: NodeJS.Signals | null }>
  signal: (signal: NodeJS.Signals) => void
  /** SIGTERM, then SIGKILL after `graceMs`; resolves to its exit. */
  stop: (graceMs?: number) => Promise<{ code: number | null; signal: NodeJS.Signals | null }>
}

export interface RunOptions {
  env?: Record<string, string | undefined>
  uid?: number
  gid?: number
  cwd?: string
  /** Where its output goes instead of to us: reading thousands of lines a second is work. */
  outputFile?: string
}

const STOP_GRACE_MS = 30_000

/** Starts a program; the environment is ours plus `env`. */
export const run = (
  command: string,
  args: readonly string[],
  { env = {}, cwd = ROOT, uid, gid, outputFile }: RunOptions = {}
): Running => {
  const file = outputFile === undefined ? undefined : openSync(outputFile, 'w')
  const to = file ?? 'pipe'
  const child: ChildProcess = spawn(command, args, {
    cwd,
    env: { ...process.env, ...env },
    stdio: ['ignore', to, to],
    ...(uid === undefined ? {} : { uid }),
    ...(gid === undefined ? {} : { gid })
  })
  if (file !== undefined) closeSync(file)
  const chunks: string[] = []
  const log = createLogReader()
  const read = (chunk: string): void => {
    chunks.push(chunk)
    log.read(chunk)
  }
  child.stdout?.setEncoding('utf8').on('data', read)
  child.stderr?.setEncoding('utf8').on('data', read)
  const exit = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve, reject) => {
    child.once('close', (code, signal) => resolve({ code, signal })) // exited, and all it wrote is read
    child.once('error', reject)
  })
  const forget = (): void => void child.kill('SIGKILL')
  process.once('exit', forget)
  void exit.finally(() => process.removeListener('exit', forget)).catch(() => undefined)

  const written = (): string =>
    outputFile === undefined ? chunks.join('') : readFileSync(outputFile, 'utf8')
  return {
    pid: child.pid ?? -1,
    output: written,
    lines: outputFile === undefined ? log.lines : () => written().split('\n').flatMap(jsonLine),
    exit,
    signal: (signal) => void child.kill(signal),
    stop: async (graceMs = STOP_GRACE_MS) => {
      if (child.exitCode !== null || child.signalCode !== null) return exit
      child.kill('SIGTERM')
      const timer = setTimeout(() => child.kill('SIGKILL'), graceMs)
      try {
        return await exit
      } finally {
        clearTimeout(timer)
      }
    }
  }
}

/** Runs a program to its end and returns what it wrote. @throws when it exits with another code than 0. */
export const runToEnd = async (
  command: string,
  args: readonly string[],
  options: RunOptions = {}
): Promise<string> => {
  const running = run(command, args, options)
  const { code, signal } = await running.exit
  if (code !== 0)
    throw new Error(`${command} ${args.join(' ')} ended with ${code ?? signal}:\n${running.output()}`)
  return running.output()
}

/** Reads every line once: whoever waits for one looks again and again, at a log that grows for minutes. */
const createLogReader = (): { read: (chunk: string) => void; lines: () => Record<string, unknown>[] } => {
  const known: Record<string, unknown>[] = []
  let unread = ''
  return {
    read: (chunk) => {
      unread += chunk
    },
    lines: () => {
      const whole = unread.slice(0, unread.lastIndexOf('\n') + 1)
      unread = unread.slice(whole.length)
      for (const line of whole.split('\n').flatMap(jsonLine)) known.push(line)
      return [...known, ...jsonLine(unread)]
    }
  }
}

const jsonLine = (line: string): Record<string, unknown>[] => {
  if (!line.startsWith('{')) return []
  try {
    return [JSON.parse(line) as Record<string, unknown>]
  } catch {
    return [] // a line still being written
  }
}
