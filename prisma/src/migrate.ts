import { readdir, readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { ConfigError, toError } from '@sluice/shared/errors'
import type { Logger } from '@sluice/shared/log'
import { ensureDatabase, withClient } from './database.ts'
import { toStoreError } from './errors.ts'
import { MIGRATIONS } from './newest-migration.ts'
import { openSchemaEngine, type OpenEngine } from './schema-engine.ts'

export interface MigrateOptions {
  /** postgresql://user:password@host:port/database; the database is created when it is missing. */
  url: string
  log?: Logger
  /** Where the migrations are; those of this package by default. */
  directory?: string
}

export interface Migrated {
  /** The database was not there. */
  created: boolean
  /** Names of the migrations that were applied now. */
  applied: string[]
}

const SCHEMA = join(import.meta.dirname, '../schema.prisma')

/**
 * Brings a database to the newest migration and returns the names of those applied now: none when it is there
 * already. Safe to call from many processes at once: one works, the others wait and find it done. Each migration is
 * one transaction, and Prisma's own commands see in `_prisma_migrations` what they would have done themselves.
 * @throws DependencyError `DB_UNAVAILABLE` when Postgres is away, ConfigError when the database cannot be migrated.
 */
export const migrate = async ({ url, log, directory = MIGRATIONS }: MigrateOptions): Promise<Migrated> => {
  try {
    const created = await ensureDatabase(url)
    if (created) log?.info('database created')
    return await withClient(url, async (client) => {
      await client.query(`SET lock_timeout = '${LOCK_WAIT_S}s'`)
      await client.query('SELECT pg_advisory_lock($1)', [LOCK])
      const opened = await openSchemaEngine(url)
      try {
        const applied = await apply(opened, await readMigrations(directory), log)
        if (applied.length > 0) log?.info({ applied }, 'migrations applied')
        return { created, applied }
      } finally {
        await opened.close()
      }
    })
  } catch (thrown) {
    throw toStoreError(thrown)
  }
}

/** Any number nobody else uses; Prisma takes its own (72707369) besides. */
const LOCK = '7310589421'
const LOCK_WAIT_S = 300

/** Nothing is managed by somebody else. */
const FILTERS = { externalTables: [], externalEnums: [] }

type MigrationList = Parameters<OpenEngine['engine']['applyMigrations']>[0]['migrationsList']

const apply = async (
  { engine }: OpenEngine,
  migrationsList: MigrationList,
  log: Logger | undefined
): Promise<string[]> => {
  const history = await engine.diagnoseMigrationHistory({
    migrationsList,
    filters: FILTERS,
    optInToShadowDatabase: false
  })
  const failed = new Set(history.failedMigrationNames)
  const edited = history.editedMigrationNames.filter((name) => !failed.has(name))
  if (edited.length > 0) {
    throw new ConfigError(
      'MIGRATION_EDITED',
      edited.map(
        (name) =>
          `Migration ${name} was applied to this database and has been edited since: restore it and write a new one`
      )
    )
  }
  for (const migrationName of failed) {
    // It was one transaction, so nothing of it is left: only the note that it failed is in the way.
    log?.warn({ migration: migrationName }, 'migration failed before, trying again')
    await engine.markMigrationRolledBack({ migrationName })
  }
  const { appliedMigrationNames } = await engine
    .applyMigrations({ migrationsList, filters: FILTERS })
    .catch(failure)
  return appliedMigrationNames
}

/** The engine's words without its stack trace. */
const failure = (cause: unknown): never => {
  const { message } = toError(cause)
  const name = /migration_name="(.+?)"/.exec(message)?.[1]
  const reason = message.replace('external connector error\n', '').split(/\n\s+0: /)[0]
  throw new Error(`Migration ${name ?? ''} failed and nothing of it was applied: ${reason}`, { cause })
}

/**
 * The SQL that would take a database to what schema.prisma says: the draft of the next migration, empty when there is
 * nothing to do. It does not see what schema.prisma cannot say (the last part of the first migration).
 */
export const schemaDiff = async (url: string): Promise<string> => {
  const files = [{ path: SCHEMA, content: await readFile(SCHEMA, 'utf8') }]
  const opened = await openSchemaEngine(url, files)
  try {
    const { stdout } = await opened.engine.diff({
      from: { tag: 'schemaDatasource', files, configDir: dirname(SCHEMA) },
      to: { tag: 'schemaDatamodel', files },
      script: true,
      exitCode: null,
      filters: FILTERS
    })
    return stdout?.includes(EMPTY_DIFF) ? '' : `${(stdout ?? '').trim()}\n`
  } finally {
    await opened.close()
  }
}

const EMPTY_DIFF = '-- This is an empty migration.'

const readMigrations = async (baseDir: string): Promise<MigrationList> => {
  const entries = await readdir(baseDir, { withFileTypes: true })
  const names = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name)
  const migrationDirectories = names.toSorted().map(async (path) => ({
    path,
    migrationFile: {
      path: 'migration.sql',
      content: { tag: 'ok' as const, value: await readFile(join(baseDir, path, 'migration.sql'), 'utf8') }
    }
  }))
  return {
    baseDir,
    lockfile: {
      path: 'migration_lock.toml',
      content: await readFile(join(baseDir, 'migration_lock.toml'), 'utf8')
    },
    shadowDbInitScript: '',
    migrationDirectories: await Promise.all(migrationDirectories)
  }
}
