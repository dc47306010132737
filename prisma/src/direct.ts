import { DependencyError, ExhaustedError } from '@sluice/shared/errors'
import { BEYOND_LATIN1, encodeUtf8 } from '@sluice/shared/encode-utf8'
import pg from 'pg'
import { toStoreError } from './errors.ts'
import { Prisma } from './generated/client.ts'
import { traceComment } from './trace.ts'

/** The raw statements of `Sql`: all that most functions of `tables/` need, and what `Direct` speaks without Prisma. */
export interface RawSql {
  $queryRaw: <T = unknown>(query: TemplateStringsArray | Prisma.Sql, ...values: unknown[]) => Promise<T>
  $executeRaw: (query: TemplateStringsArray | Prisma.Sql, ...values: unknown[]) => Promise<number>
}

/**
 * Statements straight to the driver, for whoever moves documents by the thousand. On its way through Prisma every
 * parameter and every row is written and parsed as JSON once more (docs/decisions/0020).
 */
export interface Direct {
  /** Each statement commits by itself. */
  readonly sql: RawSql
  /** As `Db.transaction`: READ COMMITTED, and what `work` throws rolls back and is thrown on. */
  transaction: <T>(work: (tx: RawSql) => Promise<T>) => Promise<T>
}

export interface DirectOptions {
  /** Its connections have their limits and time zone already. */
  pool: pg.Pool
  /** For all statements of a transaction together. */
  transactionMs: number
}

/** What it throws is what the driver throws: `client.ts` translates it. */
export const createDirect = ({ pool, transactionMs }: DirectOptions): Direct => ({
  sql: rawOver((query) => pool.query(query)),
  transaction: async (work) => {
    const connection = await pool.connect()
    const until = performance.now() + transactionMs
    let isOver = false
    const tx = rawOver(async (query) => {
      if (isOver) throw new Error('The transaction is over')
      if (performance.now() > until) throw expired(transactionMs)
      return await connection.query(query)
    })
    try {
      await connection.query('BEGIN')
      const result = await work(tx)
      isOver = true
      const { command } = await connection.query('COMMIT')
      // Postgres answers so when a statement had failed and nobody was told.
      if (command !== 'COMMIT') throw new Error('A statement had failed: the transaction was rolled back')
      connection.release()
      return result
    } catch (thrown) {
      isOver = true
      const isWhole = await rollBack(connection, thrown)
      connection.release(!isWhole)
      throw thrown
    }
  }
})

/** Whether the connection can be used again. One that went away or gave no answer would not answer this either. */
const rollBack = async (connection: pg.PoolClient, reason: unknown): Promise<boolean> => {
  const error = toStoreError(reason)
  if (error instanceof DependencyError && !(error instanceof ExhaustedError)) return false
  try {
    await connection.query('ROLLBACK')
    return true
  } catch {
    return false
  }
}

const expired = (limitMs: number): ExhaustedError =>
  new ExhaustedError(
    'postgres',
    'DB_EXHAUSTED',
    `Postgres is too slow: a transaction took longer than ${limitMs} ms in all`
  )

const rawOver = (run: (query: pg.QueryConfig) => Promise<pg.QueryResult>): RawSql => {
  const send = (query: TemplateStringsArray | Prisma.Sql, values: readonly unknown[]) => {
    const sql = query instanceof Prisma.Sql ? query : Prisma.sql(query, ...values)
    const parameters = sql.values.map((value, index) =>
      (Buffer.isBuffer(value) || isWide(value)) && IS_JSONB.test(sql.strings[index + 1] ?? '')
        ? toJsonb(value)
        : value
    )
    return run({ text: sql.text + comment(), values: parameters, types })
  }
  return {
    $queryRaw: async <T>(query: TemplateStringsArray | Prisma.Sql, ...values: unknown[]) =>
      (await send(query, values)).rows as T,
    $executeRaw: async (query, ...values) => (await send(query, values)).rowCount ?? 0
  }
}

/** A parameter that is cast to jsonb, and to no list of them. */
const IS_JSONB = /^::jsonb(?![\w[])/
const LARGE = 10_000

/** A document with a letter that V8 keeps in two bytes: the driver takes several times as long to write that as UTF-8. */
const isWide = (value: unknown): value is string =>
  typeof value === 'string' && value.length >= LARGE && BEYOND_LATIN1.test(value)

/**
 * JSON as `JSON.stringify` writes it, or that in UTF-8, as jsonb is sent in binary: a version, which is 1, and the bytes
 * (`jsonb_recv` in https://github.com/postgres/postgres/blob/master/src/backend/utils/adt/jsonb.c).
 */
const toJsonb = (json: string | Buffer): Buffer =>
  typeof json === 'string' ? encodeUtf8(`\u0001${json}`) : Buffer.concat([VERSION, json])

const VERSION = Buffer.from([1])

/** As Prisma writes it. */
const comment = (): string => {
  const { traceparent } = traceComment()
  return traceparent === undefined ? '' : ` /*traceparent='${encodeURIComponent(traceparent)}'*/`
}

/** Values become what they become with Prisma. */
const types = new pg.TypeOverrides()
types.setTypeParser(pg.types.builtins.INT8, BigInt)
