import { createServer, connect, type Server, type Socket } from 'node:net'
import { once } from 'node:events'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createDb, type Db, type RawSql, type Sql } from '@sluice/prisma/client'
import { ConflictError, DataError, DependencyError, ExhaustedError } from '@sluice/shared/errors'
import { createDatabase, createEmptyDatabase, type TestDatabase } from './support/database.ts'
import { freePort, waitFor } from './support/process.ts'
import { aVendor } from './support/store.ts'

let database: TestDatabase
let db: Db
beforeAll(async () => {
  database = await createDatabase()
  db = database.db
})
afterAll(() => database.drop())

// `async` starts it: a promise of Prisma does nothing until somebody waits for it.
const raw = async (sql: Sql, text: string, ...values: unknown[]): Promise<Record<string, unknown>[]> =>
  await sql.$queryRawUnsafe(text, ...values)

const pidOf = async (sql: Sql): Promise<number> =>
  Number((await raw(sql, 'SELECT pg_backend_pid() AS pid'))[0]?.['pid'])

const lock = (tx: Sql, slug: string): Promise<unknown> =>
  raw(tx, 'SELECT 1 FROM vendors WHERE slug = $1 FOR UPDATE', slug)

/** A pool that gives up soon. */
const open = (url: string): Db =>
  createDb({ url, poolSize: 1, applicationName: 'test', connectTimeoutMs: 300, statementTimeoutMs: 600 })

/** The URL of the test's database, with something wrong or different about it. */
const urlWith = (change: Partial<Pick<URL, 'pathname' | 'username' | 'port' | 'hostname'>>): string => {
  const url = new URL(database.url)
  Object.assign(url, change)
  return url.toString()
}

/** A transaction whose backend is terminated before `then`. */
const inLostTransaction = async (then: (tx: Sql) => Promise<unknown>) =>
  db.transaction(async (tx) => {
    const pid = await pidOf(tx)
    await terminate(pid)
    await waitFor('the backend to end', async () => {
      const [alive] = await raw(db.sql, `SELECT 1 FROM pg_stat_activity WHERE pid = ${pid}`)
      return alive === undefined
    })
    await then(tx)
  })

const terminate = (pid: number): Promise<unknown> => raw(db.sql, `SELECT pg_terminate_backend(${pid})`)

const unavailable = { constructor: DependencyError, code: 'DB_UNAVAILABLE', dependency: 'postgres' }

describe('the data is refused', () => {
  it.each([
    ['22P02', `SELECT 'x'::int`],
    ['22003', 'SELECT 99999999999::int'],
    ['22P05', String.raw`SELECT '{"a":"\u0000"}'::jsonb`],
    ['23502', `INSERT INTO vendors (slug) VALUES ('nameless')`],
    ['23503', `INSERT INTO sources (slug, kind, format, vendor_id) VALUES ('a', 'feed', 'kyero', 4711)`],
    ['23505', `INSERT INTO vendors (slug, name) VALUES ('twice', ''), ('twice', '')`],
    [
      '23514',
      `INSERT INTO sources (slug, kind, format, vendor_id) VALUES ('a', 'carrier pigeon', 'kyero', 1)`
    ],
    [
      '21000',
      `INSERT INTO vendors (slug, name) VALUES ('one', ''), ('one', '') ON CONFLICT (slug) DO UPDATE SET name = 'two'`
    ]
  ])('%s is a DataError', async (_state, statement) => {
    await expect(raw(db.sql, statement)).rejects.toMatchObject({ constructor: DataError, code: 'DB_DATA' })
  })

  it('through the model functions too', async () => {
    await aVendor(db.sql, 'taken')
    const again = db.sql.vendor.create({ data: { slug: 'taken', name: 'taken' } })
    await expect(again).rejects.toMatchObject({
      constructor: DataError,
      message: expect.stringMatching(/vendors_slug_key/)
    })
  })

  it('a mistake of ours stays what it is', async () => {
    await expect(raw(db.sql, 'SELEC 1')).rejects.toMatchObject({ name: 'PrismaClientKnownRequestError' })
    const own = new TypeError('ours')
    await expect(db.transaction(() => Promise.reject(own))).rejects.toBe(own)
  })
})

describe('two writers meet', () => {
  it('a deadlock is a ConflictError for one of them', async () => {
    await aVendor(db.sql, 'left')
    await aVendor(db.sql, 'right')
    const { promise: bothHold, resolve } = Promise.withResolvers<void>()
    let holders = 0
    const cross = (first: string, second: string) =>
      db.transaction(async (tx) => {
        await lock(tx, first)
        holders += 1
        if (holders === 2) resolve()
        await bothHold
        await lock(tx, second)
      })
    const ends = await Promise.allSettled([cross('left', 'right'), cross('right', 'left')])
    const refused = ends.filter((end) => end.status === 'rejected').map(({ reason }) => reason as unknown)
    expect(refused).toMatchObject([{ constructor: ConflictError, code: 'DB_CONFLICT' }])
  })

  it('a serialization failure is one, too', async () => {
    await aVendor(db.sql, 'serial')
    const stale = db.transaction(async (tx) => {
      await raw(tx, 'SET TRANSACTION ISOLATION LEVEL REPEATABLE READ')
      await raw(tx, 'SELECT 1 FROM vendors')
      await raw(db.sql, `UPDATE vendors SET name = 'sooner' WHERE slug = 'serial'`)
      await raw(tx, `UPDATE vendors SET name = 'later' WHERE slug = 'serial'`)
    })
    await expect(stale).rejects.toMatchObject({ constructor: ConflictError })
  })
})

describe('Postgres is away', () => {
  it.each([
    ['nothing listens', 'postgresql://postgres@127.0.0.1:1/x'],
    ['the name is unknown', 'postgresql://postgres@nowhere.invalid/x']
  ])('when %s', async (_why, url) => {
    const away = open(url)
    await expect(away.ping()).rejects.toMatchObject(unavailable)
    await expect(away.sql.vendor.findMany()).rejects.toMatchObject(unavailable)
    await expect(away.transaction((tx) => raw(tx, 'SELECT 1'))).rejects.toMatchObject(unavailable)
    await away.close()
  })

  it('when the database or the role does not exist', async () => {
    for (const change of [{ pathname: '/no_such_database' }, { username: 'no_such_role' }]) {
      const away = open(urlWith(change))
      await expect(away.ping()).rejects.toMatchObject(unavailable)
      await away.close()
    }
  })

  it('when the backend is terminated under a statement, and back with the next one', async () => {
    await expect(raw(db.sql, 'SELECT pg_terminate_backend(pg_backend_pid())')).rejects.toMatchObject(
      unavailable
    )
    await expect(db.ping()).resolves.toBeUndefined()
  })

  it('when the backend is terminated within a transaction, before the next statement or the commit', async () => {
    await expect(inLostTransaction((tx) => raw(tx, 'SELECT 1'))).rejects.toMatchObject(unavailable)
    await expect(inLostTransaction(() => Promise.resolve())).rejects.toMatchObject(unavailable)
    // The pool may hand out the dead connection once more before it has heard of its end.
    await waitFor('the pool to be whole again', () => db.ping().then(() => true))
  })

  it('when no connection gets free, a statement takes too long, or a transaction idles', async () => {
    const small = open(database.url)
    const slow = raw(small.sql, 'SELECT 1 FROM pg_sleep(1)')
    const waiting = raw(small.sql, 'SELECT 1')
    const reasons = (await Promise.allSettled([slow, waiting])).map(
      (end) => end.status === 'rejected' && end.reason
    )
    expect(reasons).toMatchObject([{ constructor: ExhaustedError, code: 'DB_EXHAUSTED' }, unavailable])
    expect(reasons.map(String)).toEqual([
      expect.stringContaining('statement timeout'),
      expect.stringContaining('timeout exceeded when trying to connect')
    ])
    const idle = small.transaction(async (tx) => {
      const pid = await pidOf(tx)
      await waitFor('the idle backend to end', async () => {
        const [alive] = await raw(db.sql, `SELECT 1 FROM pg_stat_activity WHERE pid = ${pid}`)
        return alive === undefined
      })
      await raw(tx, 'SELECT 1')
    })
    await expect(idle).rejects.toMatchObject(unavailable)
    await expect(small.ping()).resolves.toBeUndefined()
    await small.close()
  })

  it('when statements that are short enough take too long together', async () => {
    const small = createDb({
      url: database.url,
      poolSize: 1,
      applicationName: 'test',
      statementTimeoutMs: 200
    })
    const long = small.transaction(async (tx) => {
      for (let n = 0; n < 8; n++) await raw(tx, 'SELECT 1 FROM pg_sleep(0.1)')
    })
    await expect(long).rejects.toMatchObject({ constructor: ExhaustedError, code: 'DB_EXHAUSTED' })
    await small.close()
  })

  it('when it answers and takes no writes', async () => {
    const standby = open(`${database.url}?options=-c%20default_transaction_read_only%3Don`)
    await expect(standby.ping()).rejects.toMatchObject(unavailable)
    await standby.close()
  })

  it('when it answers and its disk is full; not when we may make no table', async () => {
    const refuseWith = async (state: string): Promise<void> => {
      const raise = `BEGIN RAISE 'could not extend file' USING ERRCODE = '${state}'; END`
      await raw(db.sql, 'DROP EVENT TRIGGER IF EXISTS refusal')
      await raw(
        db.sql,
        `CREATE OR REPLACE FUNCTION refuse() RETURNS event_trigger LANGUAGE plpgsql AS '${raise.replaceAll("'", "''")}'`
      )
      await raw(
        db.sql,
        `CREATE EVENT TRIGGER refusal ON ddl_command_start WHEN TAG IN ('CREATE TABLE AS') EXECUTE FUNCTION refuse()`
      )
    }
    try {
      await refuseWith('53100')
      await expect(db.ping()).rejects.toMatchObject(unavailable)
      await refuseWith('42501')
      await expect(db.ping()).resolves.toBeUndefined()
    } finally {
      await raw(db.sql, 'DROP EVENT TRIGGER refusal')
    }
    await expect(db.ping()).resolves.toBeUndefined()
  })

  it('when the network swallows every packet: an answer comes all the same', async () => {
    const proxy = await startProxy(new URL(database.url))
    const far = open(urlWith({ hostname: '127.0.0.1', port: String(proxy.port) }))
    await expect(far.ping()).resolves.toBeUndefined()
    proxy.mute(true)
    await expect(far.ping()).rejects.toMatchObject(unavailable)
    await expect(far.ping()).rejects.toMatchObject(unavailable)
    proxy.mute(false)
    await waitFor('the pool to recover', () => far.ping().then(() => true))
    await far.close()
    await proxy.close()
  })

  it('after close, instead of connecting again', async () => {
    const closed = open(database.url)
    await closed.ping()
    await closed.close()
    await expect(closed.ping()).rejects.toMatchObject(unavailable)
    await expect(closed.transaction((tx) => raw(tx, 'SELECT 1'))).rejects.toMatchObject(unavailable)
  })
})

it('a database without our tables is a dependency that is not ready, not a bug', async () => {
  const empty = await createEmptyDatabase()
  const bare = createDb({ url: empty.url, poolSize: 1, applicationName: 'test' })
  await expect(bare.ping()).rejects.toMatchObject({ constructor: DependencyError, code: 'DB_NOT_MIGRATED' })
  await bare.close()
  await empty.drop()
})

describe('a database of the release before is not ready either', () => {
  const notMigrated = { constructor: DependencyError, code: 'DB_NOT_MIGRATED' }

  it.each([
    ['a table', 'SELECT FROM tables_of_tomorrow'],
    ['a column', 'SELECT column_of_tomorrow FROM sources'],
    ['a function', 'SELECT function_of_tomorrow()']
  ])('%s is missing', async (_what, statement) => {
    await expect(raw(db.sql, statement)).rejects.toMatchObject(notMigrated)
  })

  it('until its newest migration is applied', async () => {
    const [newest] = await raw(db.sql, 'SELECT max(migration_name) AS name FROM _prisma_migrations')
    const mark = (finishedAt: string): Promise<unknown> =>
      raw(
        db.sql,
        `UPDATE _prisma_migrations SET finished_at = ${finishedAt} WHERE migration_name = $1`,
        newest?.['name']
      )
    await mark('NULL')
    await expect(db.ping()).rejects.toMatchObject({
      ...notMigrated,
      message: expect.stringContaining(String(newest?.['name']))
    })
    await mark('now()')
    await expect(db.ping()).resolves.toBeUndefined()
  })
})

it('a transaction that throws leaves nothing behind', async () => {
  const failed = db.transaction(async (tx) => {
    await aVendor(tx, 'rolled-back')
    throw new Error('after the write')
  })
  await expect(failed).rejects.toThrow('after the write')
  expect(await db.sql.vendor.count({ where: { slug: 'rolled-back' } })).toBe(0)
})

it('times cross as the instant they are, whatever the zone of the server', async () => {
  const instant = new Date('2026-03-29T01:30:00.123Z')
  await raw(db.sql, `ALTER DATABASE ${database.name} SET timezone TO 'Asia/Kathmandu'`)
  const zoned = database.open(1)
  const [row] = await zoned.sql.$queryRaw<[{ same: boolean; back: Date }]>`
    SELECT ${instant}::timestamptz = '2026-03-29T01:30:00.123Z'::timestamptz AS same, ${instant}::timestamptz AS back`
  expect(row).toEqual({ same: true, back: instant })
})

describe('without Prisma in between', () => {
  /** Any text as the template it would be. */
  const direct = (sql: RawSql, text: string): Promise<Record<string, unknown>[]> =>
    sql.$queryRaw(Object.assign([text], { raw: [text] }))

  const countOf = async (slug: string): Promise<number> => await db.sql.vendor.count({ where: { slug } })

  it('values are what they are with Prisma', async () => {
    const at = new Date('2026-03-29T01:30:00.123Z')
    const ask = (sql: RawSql): Promise<unknown> =>
      sql.$queryRaw`SELECT 1::bigint AS big, 1.5::float8 AS size, ${at}::timestamptz AS at, ${'{"a":[1]}'}::jsonb AS json,
                           NULL AS none, ${3}::int AS int, true AS yes, ${'ü'} AS text`
    expect(await ask(db.direct.sql)).toEqual(await ask(db.sql))
    expect(await db.direct.sql.$executeRaw`UPDATE vendors SET name = name WHERE slug = ${'nobody'}`).toBe(0)
  })

  it.each([1, 5_000])('a document is what it is with Prisma, %d times over', async (times) => {
    const ask = async (sql: RawSql, texts: readonly string[]): Promise<unknown> => {
      const json = JSON.stringify(Array.from({ length: times }, () => texts))
      return await sql.$queryRaw`SELECT md5(${json}::jsonb::text) AS digest, ${json}::jsonb->-1->>0 AS first`
    }
    const texts = ['Дом с „изглед“ към морето', 'Almuñécar', '🏠\u2028 "\\']
    expect(await ask(db.direct.sql, texts)).toMatchObject([{ first: texts[0] }])
    expect(await ask(db.direct.sql, texts)).toEqual(await ask(db.sql, texts))
    const bytes = Buffer.from(JSON.stringify(Array.from({ length: times }, () => texts)))
    const asBytes = db.direct.sql.$queryRaw`
      SELECT md5(${bytes}::jsonb::text) AS digest, ${bytes}::jsonb->-1->>0 AS first`
    expect(await asBytes).toEqual(await ask(db.sql, texts))
    // Half of a letter is no text to Postgres, however it is written.
    await expect(ask(db.direct.sql, [...texts, '\ud800'])).rejects.toMatchObject({ code: 'DB_DATA' })
  })

  it('errors are ours', async () => {
    await expect(direct(db.direct.sql, `SELECT 'x'::int`)).rejects.toMatchObject({ code: 'DB_DATA' })
    const twice = db.direct.transaction((tx) =>
      direct(tx, `INSERT INTO vendors (slug, name) VALUES ('twice', ''), ('twice', '')`)
    )
    await expect(twice).rejects.toMatchObject({ constructor: DataError, code: 'DB_DATA' })
  })

  it('a server without a certificate we can trust is away, on either path', async () => {
    const distrustful = open(`${database.url}?sslmode=verify-full`)
    const isAway = { code: 'DB_UNAVAILABLE' }
    await expect(raw(distrustful.sql, 'SELECT 1')).rejects.toMatchObject(isAway)
    await expect(direct(distrustful.direct.sql, 'SELECT 1')).rejects.toMatchObject(isAway)
    await distrustful.close()
  })

  it('a transaction is committed, or leaves nothing behind', async () => {
    const insert = (tx: RawSql, slug: string): Promise<unknown> =>
      tx.$executeRaw`INSERT INTO vendors (slug, name) VALUES (${slug}, '')`
    const own = new TypeError('ours')
    const failed = db.direct.transaction(async (tx) => {
      await insert(tx, 'direct')
      throw own
    })
    await expect(failed).rejects.toBe(own)
    expect(await countOf('direct')).toBe(0)
    await db.direct.transaction((tx) => insert(tx, 'direct'))
    expect(await countOf('direct')).toBe(1)
  })

  it('a failure that somebody swallowed is not taken for a commit', async () => {
    const swallowing = db.direct.transaction(async (tx) => {
      await direct(tx, `INSERT INTO vendors (slug, name) VALUES ('swallowed', '')`)
      await direct(tx, 'SELECT 1 / 0').catch(() => undefined)
    })
    await expect(swallowing).rejects.toThrow('rolled back')
    expect(await countOf('swallowed')).toBe(0)
    const escaped = await db.direct.transaction((tx) => Promise.resolve(tx))
    await expect(direct(escaped, 'SELECT 1')).rejects.toThrow('is over')
  })

  it('a backend that is terminated is away, and its connection is not used again', async () => {
    const small = open(database.url)
    const lost = small.direct.transaction(async (tx) => {
      const [row] = await direct(tx, 'SELECT pg_backend_pid() AS pid')
      await terminate(Number(row?.['pid']))
      await direct(tx, 'SELECT 1')
    })
    await expect(lost).rejects.toMatchObject(unavailable)
    await expect(direct(small.direct.sql, 'SELECT 1 AS one')).resolves.toEqual([{ one: 1 }])
    await small.close()
    await expect(direct(small.direct.sql, 'SELECT 1')).rejects.toMatchObject(unavailable)
    await expect(small.direct.transaction(() => Promise.resolve())).rejects.toMatchObject(unavailable)
  })

  it('statements that are short enough may not take too long together', async () => {
    const small = createDb({
      url: database.url,
      poolSize: 1,
      applicationName: 'test',
      statementTimeoutMs: 200
    })
    const long = small.direct.transaction(async (tx) => {
      for (let n = 0; n < 8; n++) await direct(tx, 'SELECT 1 FROM pg_sleep(0.1)')
    })
    await expect(long).rejects.toMatchObject({ constructor: ExhaustedError, code: 'DB_EXHAUSTED' })
    await expect(direct(small.direct.sql, 'SELECT 1 AS one')).resolves.toEqual([{ one: 1 }])
    await small.close()
  })
})

/** A wire that can go dead without closing. */
const startProxy = async (
  target: URL
): Promise<{ port: number; mute: (muted: boolean) => void; close: () => Promise<void> }> => {
  let muted = false
  const sockets = new Set<Socket>()
  const forward = (from: Socket, to: Socket): void => {
    sockets.add(from)
    from.on('data', (data) => muted || to.write(data))
    from.on('error', () => undefined) // its other end is closed with it
    from.on('close', () => to.destroy())
  }
  const server: Server = createServer((near) => {
    const far = connect(Number(target.port || 5432), target.hostname)
    forward(near, far)
    forward(far, near)
  })
  const port = await freePort()
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  return {
    port,
    mute: (value) => {
      muted = value
    },
    close: async () => {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    }
  }
}
