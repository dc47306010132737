import { destination, pino, type DestinationStream, type Logger as PinoLogger } from 'pino'

/**
 * pino, one logger a service, one `child` a unit of work, handed down and never imported.
 * Messages are constant lower-case sentences; values are fields, named like the columns.
 */
export type Logger = PinoLogger

/** Paths whose values never reach a log, whoever logs the object around them. */
const REDACTED = [
  'authorization',
  'headers.authorization',
  'headers["x-api-key"]',
  'req.headers.authorization',
  'req.headers["x-api-key"]',
  'err.input', // Node's ERR_INVALID_URL quotes the whole URL
  '*.password',
  '*.secret',
  '*.apiKey',
  '*.DATABASE_URL',
  '*.RABBITMQ_URL',
  '*.REDIS_URL',
  '*.SENTRY_DSN'
]

export interface LogOptions {
  service: string
  level: string
}

/** Lines leave together, when they are so long or this time has passed; the last at exit, at the latest. */
const BLOCK_BYTES = 16_384
const BLOCK_MS = 50
/** A character of a string is three bytes of UTF-8 at most. */
const MAX_CHARACTER_BYTES = 3

/** What `contentMode: 'buffer'` makes of a destination; its types know only text. */
interface Blocks {
  write: (block: Buffer) => boolean
  flushSync: () => void
}

/**
 * Stdout, a block of lines at a time. pino's own destination collects lines as well, but counts the bytes of all it has
 * with each one that comes, and takes a thread's work for every 4 KB.
 */
const createStdout = (): DestinationStream & { flushSync: () => void } => {
  const stdout = destination({ dest: 1, sync: false, contentMode: 'buffer' }) as object as Blocks
  let block = Buffer.allocUnsafe(BLOCK_BYTES)
  let used = 0
  const give = (): void => {
    if (used === 0) return
    stdout.write(block.subarray(0, used))
    block = Buffer.allocUnsafe(BLOCK_BYTES) // the other one is not written yet
    used = 0
  }
  setInterval(give, BLOCK_MS).unref()
  // Ahead of the destination itself, which then still writes what it is given.
  process.prependListener('beforeExit', give)
  process.prependListener('exit', give)
  return {
    write: (line) => {
      const most = line.length * MAX_CHARACTER_BYTES
      if (most > BLOCK_BYTES - used) give()
      if (most > BLOCK_BYTES) stdout.write(Buffer.from(line))
      else used += block.write(line, used)
    },
    flushSync: () => {
      give()
      stdout.flushSync()
    }
  }
}

let stdout: DestinationStream | undefined

/** Pretty on a terminal, one JSON object a line elsewhere. */
export const createLogger = ({ service, level }: LogOptions): Logger => {
  const options = { name: service, level, redact: { paths: REDACTED, censor: '[redacted]' } }
  if (!process.stdout.isTTY) {
    stdout ??= createStdout()
    return pino(options, stdout)
  }
  const pretty = { ignore: 'pid,hostname', translateTime: 'HH:MM:ss.l' }
  return pino({ ...options, transport: { target: 'pino-pretty', options: pretty } })
}

/** A URL without its user and password, for logs and error messages. */
export const withoutSecrets = (url: string): string => {
  try {
    const parsed = new URL(url)
    parsed.username = ''
    parsed.password = ''
    parsed.search = ''
    return parsed.toString()
  } catch {
    return '(not a URL)'
  }
}
