import { randomBytes } from 'node:crypto'
import pg from 'pg'
import { createDb, type Db } from '@sluice/prisma/client'
import { migrate } from '@sluice/prisma/migrate'
import { waitFor } from './process.ts'
import { services } from './services.ts'

/** A database of the test's own, migrated and empty. */
export interface TestDatabase {
  url: string
  name: string
  db: Db
  /** Another pool on it, closed by `drop`. */
  open: (poolSize?: number) => Db
  /** Closes our pools and drops the database; throws if somebody else still had a connection open. */
  drop: () => Promise<void>
}

export interface DatabaseOptions {
  poolSize?: number
}

const POOL_SIZE = 4
/** A closed connection disappears from the server's list a moment later. */
const GONE_WITHIN_MS = 3_000
/** The environment variable through which `global-setup.ts` tells the test files the template's name. */
const TEMPLATE = 'SLUICE_TEST_TEMPLATE'
const PREFIX = 'sluice_test_'
const STALE_AFTER_S = 2 * 3600

/** A clone of the run's template (some 50 ms); outside of a test run it is migrated from nothing. */
export const createDatabase = async ({
  poolSize = POOL_SIZE
}: DatabaseOptions = {}): Promise<TestDatabase> => {
  const name = newName()
  const url = urlOf(name)
  const template = process.env[TEMPLATE]
  if (template === undefined) await migrate({ url })
  else await onServer((server) => server.query(`CREATE DATABASE ${name} TEMPLATE ${template}`))

  const pools: Db[] = []
  const open = (size = POOL_SIZE): Db => {
    const db = createDb({ url, poolSize: size, applicationName: `test ${name}` })
    pools.push(db)
    return db
  }
  return {
    url,
    name,
    db: open(poolSize),
    open,
    drop: async () => {
      for (const db of pools) await db.close()
      await dropUnused(name)
    }
  }
}

/** The name of a database nobody has made yet, for tests of what makes one. */
export const createMissingDatabase = (): Pick<TestDatabase, 'url' | 'name' | 'drop'> => {
  const name = newName()
  return { url: urlOf(name), name, drop: () => dropUnused(name) }
}

/** A database without a single table, for tests of who meets one. */
export const createEmptyDatabase = async (): Promise<Pick<TestDatabase, 'url' | 'name' | 'drop'>> => {
  const missing = createMissingDatabase()
  await onServer((server) => server.query(`CREATE DATABASE ${missing.name}`))
  return missing
}

/** Makes the template of a run and sweeps up what runs that were killed have left. Undo it with `dropTemplate`. */
export const createTemplate = async (): Promise<string> => {
  await sweep((name) => Number(name.slice(PREFIX.length).split('_')[0]) < Date.now() / 1000 - STALE_AFTER_S)
  const name = newName()
  await migrate({ url: urlOf(name) })
  process.env[TEMPLATE] = name
  return name
}

export const dropTemplate = async (name: string): Promise<void> => {
  delete process.env[TEMPLATE]
  await dropUnused(name)
}

const newName = (): string => `${PREFIX}${Math.floor(Date.now() / 1000)}_${randomBytes(5).toString('hex')}`

const urlOf = (database: string): string => {
  const url = new URL(services.databaseUrl)
  url.pathname = `/${database}`
  return url.toString()
}

const onServer = async <T>(work: (server: pg.Client) => Promise<T>): Promise<T> => {
  const server = new pg.Client({ connectionString: urlOf('postgres'), connectionTimeoutMillis: 10_000 })
  await server.connect()
  try {
    return await work(server)
  } finally {
    await server.end()
  }
}

const dropUnused = (name: string): Promise<void> =>
  onServer(async (server) => {
    const connected = async (): Promise<string[]> => {
      const { rows } = await server.query<{ who: string }>(
        `SELECT concat(application_name, ' (', state, '): ', left(query, 120)) AS who
         FROM pg_stat_activity WHERE datname = $1 AND backend_type = 'client backend'`,
        [name]
      )
      return rows.map(({ who }) => who)
    }
    const options = { timeoutMs: GONE_WITHIN_MS, everyMs: 20 }
    await waitFor(`everybody to leave ${name}`, async () => (await connected()).length === 0, options).catch(
      () => undefined // who is still there is the answer
    )
    const leaked = await connected()
    await server.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`)
    if (leaked.length > 0) {
      throw new Error(`${leaked.length} connections to ${name} were left open:\n${leaked.join('\n')}`)
    }
  })

const sweep = (isStale: (name: string) => boolean): Promise<void> =>
  onServer(async (server) => {
    const { rows } = await server.query<{ name: string }>(
      `SELECT datname AS name FROM pg_database d WHERE starts_with(datname, '${PREFIX}')
       AND NOT EXISTS (SELECT FROM pg_stat_activity a WHERE a.datid = d.oid)`
    )
    for (const { name } of rows.filter((row) => isStale(row.name))) {
      await server.query(`DROP DATABASE IF EXISTS ${name}`)
    }
  })
