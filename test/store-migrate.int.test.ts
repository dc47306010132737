import { execFile } from 'node:child_process'
import { cp, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createDb, type Db } from '@sluice/prisma/client'
import { migrate, schemaDiff } from '@sluice/prisma/migrate'
import { appendChanges, readChanges } from '@sluice/prisma/tables/offer-changes'
import { numberChanges } from '@sluice/prisma/tables/offer-stream'
import { createDatabase, createMissingDatabase, type TestDatabase } from './support/database.ts'
import { ROOT } from './support/process.ts'
import { aVendor } from './support/store.ts'

const MAIN = join(ROOT, 'prisma/src/migrate-main.ts')

const command = async (
  args: string[],
  env: Record<string, string>
): Promise<{ code: number; stdout: string; stderr: string }> => {
  try {
    const done = await promisify(execFile)(process.execPath, [MAIN, ...args], { env })
    return { code: 0, ...done }
  } catch (thrown) {
    return thrown as { code: number; stdout: string; stderr: string }
  }
}

/** Every migration there is, in order. */
const migrations = async (): Promise<string[]> =>
  (await readdir(join(ROOT, 'prisma/migrations'))).filter((name) => /^\d+_/.test(name)).toSorted()

let database: TestDatabase
beforeAll(async () => {
  database = await createDatabase()
})
afterAll(() => database.drop())

describe('migrate', () => {
  it('creates the database, once, however many start at the same time', async () => {
    const missing = createMissingDatabase()
    try {
      const answers = await Promise.all([1, 2, 3, 4].map(() => migrate({ url: missing.url })))
      expect(answers.flatMap(({ applied }) => applied)).toEqual(await migrations())
      expect(answers.filter(({ created }) => created)).toHaveLength(1)
      expect(await migrate({ url: missing.url })).toEqual({ created: false, applied: [] })
    } finally {
      await missing.drop()
    }
  })

  describe('on a migrated database', () => {
    it('leaves nothing that schema.prisma says and the database lacks', async () => {
      expect(await schemaDiff(database.url)).toBe('')
    })

    it('sees it when something is missing', async () => {
      const other = await createDatabase()
      await other.db.sql.$executeRawUnsafe('DROP INDEX feed_records_run_id_outcome_idx')
      expect(await schemaDiff(other.url)).toContain('CREATE INDEX "feed_records_run_id_outcome_idx"')
      await other.drop()
    })

    it('keeps the book of Prisma', async () => {
      const rows = await database.db.sql.$queryRaw<object[]>`
        SELECT migration_name, applied_steps_count AS steps, finished_at IS NOT NULL AS finished
        FROM _prisma_migrations ORDER BY started_at`
      expect(rows[0]).toEqual({ migration_name: expect.stringMatching(/_init$/), steps: 1, finished: true })
    })

    it('compares stamps and keys byte by byte, whatever the locale of the server', async () => {
      const rows = await database.db.sql.$queryRaw<{ name: string }[]>`
        SELECT c.table_name || '.' || c.column_name AS name
        FROM information_schema.columns c JOIN information_schema.tables t USING (table_schema, table_name)
        WHERE c.table_schema = 'public' AND t.table_type = 'BASE TABLE' AND c.table_name <> '_prisma_migrations'
          AND c.data_type = 'text' AND c.collation_name IS DISTINCT FROM 'C'
          AND c.column_name IN ('stamp', 'base_stamp', 'external_id', 'record_hash', 'slug', 'key', 'message_id')`
      // Only copied from elsewhere, never compared or sorted.
      expect(rows.map(({ name }) => name).toSorted()).toEqual([
        'dead_letters.external_id',
        'offer_changes.message_id',
        'rejections.message_id'
      ])
    })
  })

  it('leaves the changes of the release before in their places, and those without one first in line', async () => {
    const missing = createMissingDatabase()
    const directory = await mkdtemp(join(tmpdir(), 'sluice-migrations-'))
    const lay = async (names: readonly string[]): Promise<unknown> =>
      Promise.all(
        names.map((name) =>
          cp(join(ROOT, 'prisma/migrations', name), join(directory, name), { recursive: true })
        )
      )
    const all = await migrations()
    const first = all.indexOf('20261201020000_offer_commits')
    const change = { vendorId: 1, kind: 'updated', units: {}, stamp: '1', source: 'crm' } as const
    let db: Db | undefined
    try {
      await lay(['migration_lock.toml', ...all.slice(0, first)])
      await migrate({ url: missing.url, directory })
      db = createDb({ url: missing.url, poolSize: 2, applicationName: 'test migrate' })
      await aVendor(db.sql, 'costa')
      // Not in the order in which they were written.
      await db.sql.$executeRaw`
        INSERT INTO offer_changes (seq, vendor_id, external_id, revision, kind, diff, stamp, source, message_id)
        SELECT seq, 1, 'a', revision, 'updated', '{}', '1', 'crm', 'm' || revision
        FROM (VALUES (2, 1), (1, 2), (3, 3), (NULL, 4), (NULL, 5)) AS before(seq, revision)`
      await db.sql.$executeRaw`UPDATE offer_stream SET last_seq = 3, published_seq = 2`

      await lay(all.slice(first))
      expect((await migrate({ url: missing.url, directory })).applied).toEqual(all.slice(first))
      await appendChanges(db.sql, [{ ...change, externalId: 'a', revision: 6, messageId: 'm6' }])
      expect(await db.transaction((tx) => numberChanges(tx, 100))).toEqual({ commits: 3, changes: 3 })
      // A worker of the release before holds what it cannot write, instead of refusing it.
      const former = db.sql.$executeRaw`
        INSERT INTO offer_changes (
          vendor_id, external_id, revision, kind, diff, stamp, source, message_id, traceparent
        ) VALUES (1, 'a', 7, 'updated', '{}', '1', 'crm', 'm7', NULL)`
      await expect(former).rejects.toMatchObject({ code: 'DB_NOT_MIGRATED' })
      const places = (await readChanges(db.sql, { after: 0 })).map(({ seq, revision }) => [seq, revision])
      expect(places).toEqual([
        [1, 2],
        [2, 1],
        [3, 3],
        [4, 4],
        [5, 5],
        [6, 6]
      ])
    } finally {
      await db?.close()
      await missing.drop()
      await rm(directory, { recursive: true })
    }
  })

  it('applies a migration entirely or not at all, and goes on when it is mended', async () => {
    const missing = createMissingDatabase()
    const directory = await mkdtemp(join(tmpdir(), 'sluice-migrations-'))
    const write = async (name: string, sql: string): Promise<void> => {
      await mkdir(join(directory, name), { recursive: true })
      await writeFile(join(directory, name, 'migration.sql'), sql)
    }
    try {
      await cp(join(ROOT, 'prisma/migrations/migration_lock.toml'), join(directory, 'migration_lock.toml'))
      await write('20260101000000_one', `CREATE TABLE one (text TEXT DEFAULT 'a;b');`)
      await write('20260102000000_two', 'CREATE TABLE two (id INT); INSERT INTO missing VALUES (1);')
      const failed = migrate({ url: missing.url, directory })
      await expect(failed).rejects.toThrow(/20260102000000_two failed .* missing/)

      await write('20260102000000_two', 'CREATE TABLE two (id INT);')
      expect(await migrate({ url: missing.url, directory })).toEqual({
        created: false,
        applied: ['20260102000000_two']
      })

      await write('20260101000000_one', 'CREATE TABLE one (id INT);')
      await expect(migrate({ url: missing.url, directory })).rejects.toMatchObject({
        code: 'MIGRATION_EDITED'
      })
    } finally {
      await missing.drop()
      await rm(directory, { recursive: true })
    }
  })
})

describe('the command', () => {
  it('migrates, and says what it did', async () => {
    const missing = createMissingDatabase()
    try {
      expect(await command([], { DATABASE_URL: missing.url })).toMatchObject({
        code: 0,
        stdout: expect.stringMatching(new RegExp(`: created, applied ${(await migrations()).join(', ')}\n$`))
      })
      expect(await command([], { DATABASE_URL: missing.url })).toMatchObject({
        code: 0,
        stdout: expect.stringMatching(/: nothing to do\n$/)
      })
      expect(await command(['--diff'], { DATABASE_URL: missing.url })).toMatchObject({ code: 0, stdout: '' })
    } finally {
      await missing.drop()
    }
  })

  it('says so when the role may not create the database', async () => {
    const missing = createMissingDatabase()
    const role = `${missing.name}_role`
    const { sql } = database.db
    await sql.$executeRawUnsafe(`CREATE ROLE ${role} LOGIN PASSWORD 'x'`)
    const url = new URL(missing.url)
    url.username = role
    url.password = 'x'
    try {
      const answer = await command([], { DATABASE_URL: url.toString() })
      expect(answer).toMatchObject({
        code: 78,
        stderr: expect.stringMatching(/does not exist .* grant CREATEDB/)
      })
    } finally {
      await sql.$executeRawUnsafe(`DROP ROLE ${role}`)
    }
  })

  it('fails with a code and a sentence', async () => {
    expect(await command(['--help'], {})).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('DATABASE_URL')
    })
    expect(await command(['--hepl'], {})).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('--hepl')
    })
    expect(await command([], { DATABASE_URL: '' })).toMatchObject({
      code: 78,
      stderr: expect.stringContaining('DATABASE_URL is not set')
    })
    expect(await command([], { DATABASE_URL: 'postgresql://someone:secret@127.0.0.1:1/x' })).toMatchObject({
      code: 69,
      stderr: expect.stringMatching(/^Cannot migrate: Postgres is not available(?!.*secret)/s)
    })
  })
})
