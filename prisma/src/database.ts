import pg from 'pg'
import { ConfigError } from '@sluice/shared/errors'
import { sqlStateOf } from './errors.ts'

/** The database a URL names. */
const databaseOf = (url: string): string => decodeURIComponent(new URL(url).pathname.slice(1))

/** The same server, another database. */
const withDatabase = (url: string, database: string): string => {
  const other = new URL(url)
  other.pathname = `/${encodeURIComponent(database)}`
  return other.toString()
}

/** One connection for one piece of work. */
export const withClient = async <T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> => {
  const client = new pg.Client({
    connectionString: url,
    connectionTimeoutMillis: 10_000,
    keepAlive: true,
    application_name: 'sluice-migrate'
  })
  client.on('error', () => undefined) // a lost connection fails the statement under way, which is enough
  try {
    await client.connect()
    return await work(client)
  } finally {
    await client.end()
  }
}

/**
 * Creates the database of `url` when it is missing, as UTF-8 whatever the server's default is; `true` if it did.
 * @throws ConfigError `DATABASE_ENCODING` when it exists in an encoding that cannot hold every text,
 *   `DATABASE_MISSING` when it does not and we may not create it.
 */
export const ensureDatabase = async (url: string): Promise<boolean> => {
  const database = databaseOf(url)
  try {
    await withClient(url, (client) => assertUtf8(client, database))
    return false
  } catch (thrown) {
    if (sqlStateOf(thrown) !== NO_SUCH_DATABASE) throw thrown
  }
  return await withClient(withDatabase(url, MAINTENANCE_DATABASE), async (client) => {
    try {
      await client.query(
        `CREATE DATABASE ${pg.escapeIdentifier(database)} TEMPLATE template0 ENCODING 'UTF8' ${await locale(client)}`
      )
      return true
    } catch (thrown) {
      const state = sqlStateOf(thrown) ?? ''
      if (CREATED_BY_ANOTHER.has(state)) return false
      if (state !== PERMISSION_DENIED) throw thrown
      throw new ConfigError(
        'DATABASE_MISSING',
        [
          `Database "${database}" does not exist and this role may not create it: create it, or grant CREATEDB`
        ],
        { cause: thrown }
      )
    }
  })
}

const NO_SUCH_DATABASE = '3D000'
const PERMISSION_DENIED = '42501'
const MAINTENANCE_DATABASE = 'postgres'
// duplicate_database, and the unique index underneath when two are at it in the same instant
const CREATED_BY_ANOTHER: ReadonlySet<string> = new Set(['42P04', '23505'])

/** A server set up without a locale (a bare container) defaults to SQL_ASCII, whose locale takes no UTF-8. */
const locale = async (client: pg.Client): Promise<string> => {
  const { rows } = await client.query<{ encoding: string }>(
    `SELECT pg_encoding_to_char(encoding) AS encoding FROM pg_database WHERE datname = 'template1'`
  )
  return rows[0]?.encoding === 'UTF8' ? '' : `LC_COLLATE 'C' LC_CTYPE 'C'`
}

const assertUtf8 = async (client: pg.Client, database: string): Promise<void> => {
  const { rows } = await client.query<{ server_encoding: string }>('SHOW server_encoding')
  const encoding = rows[0]?.server_encoding
  if (encoding === 'UTF8') return
  throw new ConfigError('DATABASE_ENCODING', [
    `Database "${database}" is encoded in ${encoding}, which cannot hold every offer; create it with ENCODING 'UTF8'`
  ])
}
