import { pino, type Logger as PinoLogger } from 'pino'

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

/** Pretty on a terminal, one JSON object a line elsewhere. */
export const createLogger = ({ service, level }: LogOptions): Logger =>
  pino({
    name: service,
    level,
    redact: { paths: REDACTED, censor: '[redacted]' },
    ...(process.stdout.isTTY
      ? {
          transport: {
            target: 'pino-pretty',
            options: { ignore: 'pid,hostname', translateTime: 'HH:MM:ss.l' }
          }
        }
      : {})
  })

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
