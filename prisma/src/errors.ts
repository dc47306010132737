import {
  ConflictError,
  DataError,
  DependencyError,
  ExhaustedError,
  SluiceError,
  toError
} from '@sluice/shared/errors'

/**
 * The only file that knows Prisma's and Postgres' codes. Whatever Prisma wraps it in, the SQLSTATE decides; where
 * there is none (the connection never answered), the code of Prisma, of Node or the driver's own words do.
 */

type Verdict = 'unavailable' | 'exhausted' | 'notMigrated' | 'conflict' | 'data'

/** SQLSTATE → what it means to us; five characters win over their class of two. Unlisted codes are bugs of ours. */
const SQLSTATES: Readonly<Record<string, Verdict>> = {
  '08': 'unavailable', // connection exception
  '21': 'data', // a key twice in one statement: halving the batch parts them
  '22': 'data', // a value the type does not take: 22001, 22003, 22P02, 22P05 (NUL in a text), …
  '23': 'data', // a constraint refuses the row
  '25006': 'unavailable', // read-only: we are talking to a standby
  '25P03': 'unavailable', // idle in transaction too long
  '28': 'unavailable', // login refused
  '3D000': 'unavailable', // database does not exist
  '40': 'conflict', // 40001 serialization, 40P01 deadlock
  '42P01': 'notMigrated', // no such table
  '42703': 'notMigrated', // no such column
  '42883': 'notMigrated', // no such function
  '53': 'unavailable', // out of connections or disk
  '53200': 'exhausted', // out of memory
  '53400': 'exhausted', // temp_file_limit and the like
  '54': 'data', // row too wide, nested too deeply
  '55P03': 'conflict', // lock not available
  '57': 'unavailable', // shut down, starting, terminated (57P01)
  '57014': 'exhausted', // statement timeout, waits for a lock included
  '58': 'unavailable' // I/O error of the server
}

const PRISMA_CODES: Readonly<Record<string, Verdict>> = {
  P1000: 'unavailable', // login refused
  P1001: 'unavailable', // cannot be reached
  P1002: 'unavailable', // connection timed out
  P1003: 'unavailable', // database does not exist
  P1008: 'unavailable', // socket timeout
  P1010: 'unavailable', // access denied
  P1011: 'unavailable', // TLS
  P1017: 'unavailable', // server has closed the connection
  P2000: 'data', // value too long
  P2002: 'data', // unique
  P2003: 'data', // foreign key
  P2011: 'data', // null
  P2020: 'data', // out of range
  P2021: 'notMigrated',
  P2022: 'notMigrated',
  P2024: 'unavailable', // no free connection
  P2028: 'unavailable', // no free connection for a transaction, or it was lost under way
  P2034: 'conflict', // deadlock or serialization
  P2037: 'unavailable' // too many connections
}

/** The pg adapter's names for what has no SQLSTATE because the connection never answered. */
const DRIVER_KINDS: ReadonlySet<unknown> = new Set([
  'DatabaseNotReachable',
  'ConnectionClosed',
  'SocketTimeout',
  'TlsConnectionError'
])

/** Errors of sockets and name servers. */
const NODE_CODES: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ECONNABORTED',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOENT', // a Unix socket that is not there
  'ENOTFOUND',
  'EAI_AGAIN'
])

/** Of a certificate, as OpenSSL and Node's own check of the name say it. */
const TLS_CODE =
  /^(CERT|CRL|UNABLE_TO|ERROR_IN_C|DEPTH_ZERO_|SELF_SIGNED_|INVALID_CA|INVALID_PURPOSE|HOSTNAME_MISMATCH|ERR_TLS_|ERR_SSL_)/

/** The driver throws these without any code. */
const DRIVER_MESSAGES =
  /^(Connection terminated|timeout exceeded when trying to connect|Query read timeout|Client has encountered a connection error|Client was closed and is not queryable|Cannot use a pool after calling end|The server does not support SSL connections|There was an error establishing an SSL connection)/

/** Of P2028: statements that were each short enough took too long together. */
const EXPIRED = /on an expired transaction/

/**
 * What a thrown value of Prisma or pg means to us, with the original as `cause`: DependencyError `DB_UNAVAILABLE` or
 * `DB_NOT_MIGRATED` (hold and probe), ExhaustedError `DB_EXHAUSTED` (the same, but one statement may be to blame), ConflictError `DB_CONFLICT` (again at once), DataError `DB_DATA` (bisect).
 * Anything else, our own errors included, is returned as it is.
 */
export const toStoreError = (thrown: unknown): Error => {
  if (thrown instanceof SluiceError) return thrown
  const links = chainOf(thrown)
  const reason = reasonOf(links)
  switch (verdictOf(links)) {
    case 'unavailable':
      return new DependencyError('postgres', 'DB_UNAVAILABLE', `Postgres is not available: ${reason}`, {
        cause: thrown
      })
    case 'exhausted':
      return new ExhaustedError(
        'postgres',
        'DB_EXHAUSTED',
        `A statement is too much for Postgres, or waits for a lock too long: ${reason}`,
        { cause: thrown }
      )
    case 'notMigrated':
      return new DependencyError(
        'postgres',
        'DB_NOT_MIGRATED',
        `The database is not migrated, run the migrations: ${reason}`,
        { cause: thrown }
      )
    case 'conflict':
      return new ConflictError('DB_CONFLICT', `Two writers met in Postgres: ${reason}`, { cause: thrown })
    case 'data':
      return new DataError('DB_DATA', `Postgres refuses the data: ${reason}`, { cause: thrown })
    case undefined:
      return toError(thrown)
  }
}

/** The SQLSTATE somewhere inside a thrown value, for callers within this package that expect one. */
export const sqlStateOf = (thrown: unknown): string | undefined => chainOf(thrown).map(sqlState).find(Boolean)

type Link = Readonly<Record<string, unknown>>

/** The error and everything it was made of: Prisma hides the driver's error under `meta` or `cause`. */
const chainOf = (thrown: unknown, depth = 0): Link[] => {
  if (typeof thrown !== 'object' || thrown === null || depth > 8) return []
  const link = thrown as Link
  const meta = link['meta'] as Link | undefined
  return [
    link,
    ...chainOf(meta?.['driverAdapterError'], depth + 1),
    ...chainOf(link['cause'], depth + 1),
    ...(Array.isArray(link['errors']) ? link['errors'].flatMap((error) => chainOf(error, depth + 1)) : [])
  ]
}

/** Five capitals and digits; P1000 to P9999 are Prisma's own, and Node's EPIPE has no digit. */
const SQLSTATE = /^(?!P[1-9])(?=.*\d)[0-9A-Z]{5}$/

const sqlState = ({ originalCode, code }: Link): string | undefined =>
  [originalCode, code].find((value) => typeof value === 'string' && SQLSTATE.test(value)) as
    | string
    | undefined

const verdictOf = (links: readonly Link[]): Verdict | undefined => {
  const state = links.map(sqlState).find(Boolean)
  if (state !== undefined) return SQLSTATES[state] ?? SQLSTATES[state.slice(0, 2)]
  const codes = links.map(({ code }) => code).filter((code) => typeof code === 'string')
  if (codes.some((code) => NODE_CODES.has(code) || TLS_CODE.test(code))) return 'unavailable'
  if (links.some(({ kind }) => DRIVER_KINDS.has(kind))) return 'unavailable'
  if (links.some(({ message }) => typeof message === 'string' && DRIVER_MESSAGES.test(message)))
    return 'unavailable'
  if (links.some(({ code, message }) => code === 'P2028' && EXPIRED.test(String(message)))) return 'exhausted'
  return codes.map((code) => PRISMA_CODES[code]).find(Boolean)
}

/** The server's own words where it said some, instead of Prisma's wrapping. */
const reasonOf = (links: readonly Link[]): string => {
  const unreachable = links.find(({ kind }) => kind === 'DatabaseNotReachable')
  if (unreachable !== undefined) {
    return `nothing answers at ${[unreachable['host'], unreachable['port']].filter(Boolean).join(':')}`
  }
  const texts = links.flatMap(({ originalMessage, message }) => [message, originalMessage])
  const text = texts.findLast((candidate) => typeof candidate === 'string' && candidate !== '')
  if (typeof text !== 'string') return 'no reason given'
  return text
    .replaceAll(/\s+/g, ' ')
    .replace(/^ ?Invalid `.+?` invocation: /, '')
    .slice(0, 500)
}
