import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { PrismaPg } from '@prisma/adapter-pg'
import {
  bindMigrationAwareSqlAdapterFactory,
  ColumnTypeEnum,
  DriverAdapterError,
  type SqlQuery,
  type SqlResultSet
} from '@prisma/driver-adapter-utils'
import * as bindings from '@prisma/schema-engine-wasm/schema_engine_bg'
import pg from 'pg'

/**
 * Prisma's own migration engine as WebAssembly, speaking to Postgres through the pg adapter: the same migrations and
 * the same `_prisma_migrations` as `prisma migrate`, without the binary it would download.
 */
export interface OpenEngine {
  engine: bindings.SchemaEngine
  /** Frees the engine and closes its connection. */
  close: () => Promise<void>
}

/** `datamodel`: the schema files, for those who compare with them. */
export const openSchemaEngine = async (
  url: string,
  datamodel?: readonly { path: string; content: string }[]
): Promise<OpenEngine> => {
  await loadWasm()
  const adapters = new MigrationAdapters({
    connectionString: url,
    max: 1,
    application_name: 'sluice-migrate',
    connectionTimeoutMillis: 10_000,
    // A migration may rewrite a table, so no statement timeout; but it waits for other people's locks only so long.
    options: '-c timezone=UTC -c lock_timeout=60s'
  })
  const engine = await bindings.SchemaEngine.new(
    { datamodels: datamodel?.map(({ path, content }) => [path, content]) },
    () => undefined, // the engine's own log
    bindMigrationAwareSqlAdapterFactory(adapters)
  )
  return {
    engine,
    close: async () => {
      engine.free()
      await adapters.dispose()
    }
  }
}

type Adapter = Awaited<ReturnType<PrismaPg['connect']>>

/**
 * The stock adapter cuts a script at every semicolon and commits each piece by itself. Sent whole and without
 * parameters, Postgres reads it properly and runs it as one transaction: entirely or not at all.
 */
class MigrationAdapters extends PrismaPg {
  readonly #opened: Adapter[] = []

  override async connect(): Promise<Adapter> {
    const adapter = await super.connect()
    this.#opened.push(adapter)
    const queryRaw = adapter.queryRaw.bind(adapter)
    return Object.assign(adapter, {
      queryRaw: (query: SqlQuery) =>
        queryRaw(query).catch((thrown: unknown) => {
          if (!isUnknownChar(thrown)) throw thrown
          return queryWithChars(adapter, query)
        }),
      executeScript: async (script: string): Promise<void> => {
        await adapter.executeRaw({ sql: script, args: [], argTypes: [] })
      }
    })
  }

  async dispose(): Promise<void> {
    for (const adapter of this.#opened) await adapter.dispose()
  }
}

const isUnknownChar = (thrown: unknown): boolean =>
  thrown instanceof DriverAdapterError &&
  thrown.cause.kind === 'UnsupportedNativeDataType' &&
  thrown.cause.type === 'char'

/** The engine reads the catalogue's "char" columns, a type the stock adapter does not know: they go as text. */
const queryWithChars = async (adapter: Adapter, query: SqlQuery): Promise<SqlResultSet> => {
  const { fields } = await adapter.underlyingDriver().query(query.sql, query.args)
  const columns = fields.map(({ name, dataTypeID }) => {
    const column = pg.escapeIdentifier(name)
    return dataTypeID === CHAR ? `${column}::text` : column
  })
  const inner = query.sql.trim().replace(/;$/, '')
  const result = await adapter.queryRaw({ ...query, sql: `SELECT ${columns.join()} FROM (${inner}) AS q` })
  for (const [index, { dataTypeID }] of fields.entries()) {
    if (dataTypeID === CHAR) result.columnTypes[index] = ColumnTypeEnum.Character
  }
  return result
}

/** OID of "char", the one-byte type. */
const CHAR = 18

let loaded: Promise<void> | undefined

const loadWasm = (): Promise<void> => {
  loaded ??= (async () => {
    const entry = createRequire(import.meta.url).resolve('@prisma/schema-engine-wasm')
    const file = join(dirname(entry), 'schema_engine_bg.wasm')
    const { instance } = await WebAssembly.instantiate(await readFile(file), {
      './schema_engine_bg.js': { ...bindings, ...unreferencedTimers() }
    })
    bindings.__wbg_set_wasm(instance.exports)
    const start = instance.exports['__wbindgen_start'] as () => void
    start()
  })()
  return loaded
}

/** The engine never clears the 10 s of its own lock: left as it is, every process would linger that long. */
const unreferencedTimers = (): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(bindings as Record<string, unknown>)
      .filter(([name]) => name.startsWith('__wbg_setTimeout_'))
      .map(([name, set]) => [
        name,
        (...args: unknown[]) => (set as (...args: unknown[]) => NodeJS.Timeout)(...args).unref()
      ])
  )

/** The part of the standard we use; our types are Node's, and Node's have no WebAssembly. */
declare const WebAssembly: {
  instantiate: (
    bytes: Uint8Array,
    imports: Record<string, Record<string, unknown>>
  ) => Promise<{ instance: { exports: Record<string, unknown> } }>
}
