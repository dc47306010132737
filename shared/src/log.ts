import { destination, pino, type Logger as PinoLogger } from 'pino'

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

/** Lines leave together, when there are so many bytes of them or this time has passed; the last at exit, at the latest. */
const BLOCK_BYTES = 4_096
const BLOCK_MS = 50

/** Pretty on a terminal, one JSON object a line elsewhere. */
export const createLogger = ({ service, level }: LogOptions): Logger => {
  const options = { name: service, level, redact: { paths: REDACTED, censor: '[redacted]' } }
  if (!process.stdout.isTTY) {
    return pino(
      options,
      destination({ dest: 1, sync: false, minLength: BLOCK_BYTES, periodicFlush: BLOCK_MS })
    )
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
