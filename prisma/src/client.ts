import { PrismaPg } from '@prisma/adapter-pg'
import { DependencyError } from '@sluice/shared/errors'
import pg from 'pg'
import { createDirect, type Direct } from './direct.ts'
import { sqlStateOf, toStoreError } from './errors.ts'
import { PrismaClient, type Prisma } from './generated/client.ts'
import { newestMigration } from './newest-migration.ts'
import { traceComment } from './trace.ts'

export type { RawSql } from './direct.ts'

/** What every function of `tables/` takes first: `db.sql`, or the transaction `db.transaction` hands out. */
export type Sql = Prisma.TransactionClient

/**
 * A pool of connections to Postgres. Every error that leaves it is already one of ours (`errors.ts`), and nothing
 * waits for ever: see the timeouts below.
 */
export interface Db {
  /** Each statement commits by itself. */
  readonly sql: Sql
  /**
   * Runs `work` in one READ COMMITTED transaction; what it throws rolls back and is thrown on. Statements of one
   * transaction run one after another: do not start two at once. Prisma remembers the last hundred, each with its
   * connection even when that is long gone: whoever lives through many lost connections takes `direct`.
   */
  transaction: <T>(work: (tx: Sql) => Promise<T>) => Promise<T>
  /** The same pool and promises without Prisma in between, for batches of documents. */
  readonly direct: Direct
  /** Resolves when Postgres answers, has the newest migration of this release and takes writes; else throws a DependencyError. */
  ping: () => Promise<void>
  /** Waits for the statements under way, then closes every connection. */
  close: () => Promise<void>
}

export interface DbOptions {
  /** postgresql://user:password@host:port/database */
  url: string
  /** Most connections this pool opens. */
  poolSize: number
  /** Shown in pg_stat_activity. */
  applicationName: string
  /** To open a connection, or to wait for a free one. */
  connectTimeoutMs?: number
  /** Of one statement, lock waits included. */
  statementTimeoutMs?: number
  /** For which a transaction may stand idle between two statements; as long as a statement, unless said otherwise. */
  idleTransactionMs?: number
}

const CONNECT_TIMEOUT_MS = 5_000
const STATEMENT_TIMEOUT_MS = 30_000
/** Beyond the server's own limit: reached only when the server is frozen or the network swallows packets. */
const SILENCE_MARGIN_MS = 2_000
/** A transaction is a handful of statements. */
const STATEMENTS_PER_TRANSACTION = 3
const IDLE_CONNECTION_MS = 30_000

/** Opens nothing yet: connections are made when they are needed. */
export const createDb = ({
  url,
  poolSize,
  applicationName,
  connectTimeoutMs = CONNECT_TIMEOUT_MS,
  statementTimeoutMs = STATEMENT_TIMEOUT_MS,
  idleTransactionMs = statementTimeoutMs
}: DbOptions): Db => {
  const pool = new pg.Pool({
    connectionString: url,
    max: poolSize,
    application_name: applicationName,
    connectionTimeoutMillis: connectTimeoutMs,
    idleTimeoutMillis: IDLE_CONNECTION_MS,
    statement_timeout: statementTimeoutMs,
    query_timeout: statementTimeoutMs + SILENCE_MARGIN_MS,
    idle_in_transaction_session_timeout: idleTransactionMs,
    keepAlive: true,
    // The adapter reads and writes times without their offset: in any other zone they would be wrong. Told to Prisma, the
    // isolation level would cost every transaction one more round trip.
    options: '-c timezone=UTC -c default_transaction_isolation=read\\ committed'
  })
  // A connection lost while idle is replaced by the pool; the next statement tells whether Postgres is away. Between
  // the pool and Prisma a connection has no listener for a moment, and one terminated just then would end the process.
  pool.on('error', () => undefined)
  pool.on('connect', (connection) => void connection.on('error', () => undefined))
  const adapter = new PrismaPg(pool, { disposeExternalPool: true })
  let closed = false
  const transactionMs =
    statementTimeoutMs * STATEMENTS_PER_TRANSACTION + (idleTransactionMs - statementTimeoutMs)
  const client = new PrismaClient({
    adapter,
    errorFormat: 'minimal',
    comments: [traceComment],
    transactionOptions: {
      maxWait: connectTimeoutMs + SILENCE_MARGIN_MS,
      timeout: transactionMs
    }
  }).$extends({
    query: {
      $allOperations: ({ args, query }) => {
        if (closed) throw toStoreError(new Error(CLOSED))
        return translated(() => query(args))
      }
    }
  })
  // The extension changes no signature, only what is thrown.
  const sql = client as unknown as Sql

  const direct = createDirect({ pool, transactionMs })

  return {
    sql,
    direct: {
      sql: {
        $queryRaw: (query, ...values) => translated(() => direct.sql.$queryRaw(query, ...values)),
        $executeRaw: (query, ...values) => translated(() => direct.sql.$executeRaw(query, ...values))
      },
      transaction: (work) => translated(() => direct.transaction(work))
    },
    transaction: (work) =>
      translated(() => {
        if (closed) throw new Error(CLOSED)
        return client.$transaction((tx) => work(tx as unknown as Sql))
      }),
    ping: async () => {
      const migration = newestMigration()
      const [answer] = await sql.$queryRaw<[{ isReadOnly: boolean; isMigrated: boolean }]>`
        SELECT current_setting('transaction_read_only')::boolean AS "isReadOnly", EXISTS (
          SELECT FROM _prisma_migrations WHERE migration_name = ${migration} AND finished_at IS NOT NULL
        ) AS "isMigrated"`
      if (answer.isReadOnly) {
        throw new DependencyError('postgres', 'DB_UNAVAILABLE', 'Postgres takes no writes: it is a standby')
      }
      if (!answer.isMigrated) {
        throw new DependencyError(
          'postgres',
          'DB_NOT_MIGRATED',
          `The database is not migrated, run the migrations: ${migration} is missing`
        )
      }
      await write(sql)
    },
    close: async () => {
      closed = true // Prisma would connect again for a late statement, and nobody would close that
      await client.$disconnect()
      if (!pool.ending) await pool.end() // Prisma ends only a pool it has used
    }
  }
}

/** A server whose disk is full answers whoever only reads: room for a few blocks is asked for, and returned at once. */
const write = async (sql: Sql): Promise<void> => {
  try {
    await sql.$executeRaw`
      CREATE TEMPORARY TABLE sluice_ping ON COMMIT DROP AS SELECT repeat('x', 1000) FROM generate_series(1, 100)`
  } catch (thrown) {
    if (sqlStateOf(thrown) !== PERMISSION_DENIED) throw thrown
  }
}

const PERMISSION_DENIED = '42501'

/** As pg says it of a pool, so that it is read as: not available. */
const CLOSED = 'Cannot use a pool after calling end'

const translated = async <T>(work: () => Promise<T>): Promise<T> => {
  try {
    return await work()
  } catch (thrown) {
    throw toStoreError(thrown)
  }
}
