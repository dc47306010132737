import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Sql } from '@sluice/prisma/client'
import { insertDeadLetters } from '@sluice/prisma/tables/dead-letters'
import { lockDeadLetters } from '@sluice/prisma/tables/dead-letter-acts'
import { closeRejections, openRejections } from '@sluice/prisma/tables/rejections'
import { findDeliveries, settleDeliveries } from '@sluice/prisma/tables/deliveries'
import { findSkippable, settleFeedRecords } from '@sluice/prisma/tables/feed-records'
import { settledOutcomes } from '@sluice/prisma/tables/feed-runs'
import { resolveLocations } from '@sluice/prisma/tables/locations'
import { listOffers, readOffers, writeOffers } from '@sluice/prisma/tables/offers'
import { markSeen } from '@sluice/prisma/tables/run-seen'
import { createDatabase, type TestDatabase } from './support/database.ts'
import { anOffer, aSource, aVendor, stampAt } from './support/store.ts'

/**
 * What runs for every batch must find its rows by an index, however big the tables are, and in the first minute of a
 * table's life too, before Postgres knows anything about it. Judged by Postgres' own counters while the real functions
 * run, not by a copy of their SQL.
 */

const ROWS = 20_000
const BATCH = 100

let database: TestDatabase
let sourceId: number
let vendorId: number

beforeAll(async () => {
  database = await createDatabase()
  const { sql } = database.db
  for (const table of [
    'offers',
    'feed_records',
    'run_seen',
    'locations',
    'rejections',
    'deliveries',
    'dead_letters'
  ]) {
    await sql.$executeRawUnsafe(`ALTER TABLE ${table} SET (autovacuum_enabled = false)`) // statistics when we say so
  }
  vendorId = (await aVendor(sql, 'big')).id
  sourceId = (await aSource(sql, { vendorId, slug: 'big-feed' })).id
  await sql.$executeRaw`
    INSERT INTO feed_runs (id, source_id, trigger, state, lease_token, lease_until)
    SELECT n, ${sourceId}, 'schedule', 'done', '', now() FROM generate_series(1, 20) n`
  await sql.$executeRaw`
    INSERT INTO offers (vendor_id, external_id, state, content, base_stamp, unit_stamps, source_stamps, row_version,
                        revision)
    SELECT ${vendorId}, 'x' || n, 'active', '{}', ${stampAt(0)}, '{}', '{}', 1, 1 FROM generate_series(1, ${ROWS}) n`
  const { id: lateId } = await aVendor(sql, 'late')
  await sql.$executeRaw`
    INSERT INTO offers (vendor_id, external_id, state, content, base_stamp, unit_stamps, source_stamps, row_version,
                        revision)
    SELECT ${lateId}, 'x' || n, 'active', '{}', ${stampAt(0)}, '{}', '{}', 1, 1 FROM generate_series(1, ${BATCH}) n`
  await sql.$executeRaw`
    INSERT INTO feed_records (source_id, external_id, record_hash, format_version, source_revision, stamp,
                              fact_at_from, outcome, run_id)
    SELECT ${sourceId}, 'x' || n, 'hash ' || n, 1, 1, ${stampAt(0)}, 'file', 'created', n % 20 + 1
    FROM generate_series(1, ${ROWS}) n`
  await sql.$executeRaw`
    INSERT INTO run_seen (run_id, external_id) SELECT n % 20 + 1, 'x' || n FROM generate_series(1, ${ROWS}) n`
  await sql.$executeRaw`
    INSERT INTO locations (key, country) SELECT 'l' || n, 'bg' FROM generate_series(1, ${ROWS * 5}) n`
  await sql.$executeRaw`
    INSERT INTO rejections (source_id, external_id, code, message, stamp)
    SELECT ${sourceId}, 'x' || n, 'RECORD_INVALID', '', ${stampAt(0)} FROM generate_series(1, ${ROWS}) n`
  await sql.$executeRaw`
    INSERT INTO deliveries (message_id, source_id, external_id, stamp, outcome, received_at)
    SELECT 'd' || n || '.0', ${sourceId}, 'x' || n, ${stampAt(0)}, 'created', now()
    FROM generate_series(1, ${ROWS}) n`
  // As after a long life: most letters have been replayed.
  await sql.$executeRaw`
    INSERT INTO dead_letters (id, message_id, routing_key, properties, headers, body, fault_code, attempts, replayed_at)
    SELECT n, 'l' || n, 'webhook.big', '{}', '{}', '{}', 'X', 0, CASE WHEN n > ${ROWS - BATCH} THEN NULL ELSE now() END
    FROM generate_series(1, ${ROWS}) n`
  await sql.$executeRaw`SELECT setval('dead_letters_id_seq', ${ROWS})`
})
afterAll(() => database.drop())

const names = (prefix: string): string[] =>
  Array.from({ length: BATCH }, (_, index) => `${prefix}${index * 7 + 1}`)

const question = () => ({
  sourceId,
  sourceSlug: 'big-feed',
  vendorId,
  formatVersion: 1,
  sourceRevision: 1,
  recordHashes: names('hash ')
})

const hot: Record<string, { tables: string[]; run: (sql: Sql) => Promise<unknown> }> = {
  readOffers: {
    tables: ['offers'],
    run: (sql) =>
      readOffers(
        sql,
        names('x').map((externalId) => ({ vendorId, externalId }))
      )
  },
  writeOffers: {
    tables: ['offers'],
    run: (sql) =>
      writeOffers(
        sql,
        names('x').map((externalId) => anOffer({ vendorId, externalId, rowVersion: 1 }))
      )
  },
  listOffers: {
    tables: ['offers'],
    run: (sql) => listOffers(sql, { limit: BATCH, after: { vendorId, externalId: 'x5' } })
  },
  'listOffers of one vendor': {
    tables: ['offers'],
    run: (sql) => listOffers(sql, { vendorSlug: 'late' })
  },
  findSkippable: {
    tables: ['feed_records', 'offers'],
    run: (sql) => findSkippable(sql, question())
  },
  settleFeedRecords: {
    tables: ['feed_records'],
    run: (sql) =>
      settleFeedRecords(
        sql,
        names('x').map((externalId) => ({
          sourceId,
          externalId,
          recordHash: externalId.replace('x', 'hash '),
          formatVersion: 1,
          sourceRevision: 1,
          stamp: stampAt(0),
          factAtFrom: 'file' as const,
          outcome: 'unchanged' as const,
          runId: '20'
        }))
      )
  },
  settledOutcomes: { tables: ['feed_records'], run: (sql) => settledOutcomes(sql, '7') },
  markSeen: { tables: ['run_seen'], run: (sql) => markSeen(sql, '1', names('x')) },
  resolveLocations: {
    tables: ['locations'],
    run: (sql) =>
      resolveLocations(
        sql,
        names('l').map((key) => ({ key, country: 'bg' }))
      )
  },
  openRejections: {
    tables: ['rejections', 'feed_records', 'offers'],
    run: (sql) =>
      openRejections(
        sql,
        names('x').map((externalId) => ({
          sourceId,
          externalId,
          code: 'A_B',
          message: '',
          stamp: stampAt(1)
        }))
      )
  },
  closeRejections: {
    tables: ['rejections'],
    run: (sql) =>
      closeRejections(
        sql,
        names('x').map((externalId) => ({ sourceId, externalId, stamp: stampAt(2) }))
      )
  },
  settleDeliveries: {
    tables: ['deliveries'],
    run: (sql) =>
      settleDeliveries(
        sql,
        names('d').map((id) => ({
          messageId: `${id}.0`,
          sourceId,
          externalId: id,
          stamp: stampAt(0),
          outcome: 'unchanged' as const,
          receivedAt: new Date(0)
        }))
      )
  },
  findDeliveries: { tables: ['deliveries'], run: (sql) => findDeliveries(sql, 'd77') },
  insertDeadLetters: {
    tables: ['dead_letters'],
    run: (sql) =>
      insertDeadLetters(
        sql,
        names('l').map((messageId) => ({
          messageId,
          routingKey: 'webhook.big',
          properties: {},
          headers: {},
          body: Buffer.from('{}'),
          faultCode: 'X',
          attempts: 0
        }))
      )
  },
  lockDeadLetters: {
    tables: ['dead_letters'],
    run: (sql) =>
      lockDeadLetters(sql, {
        filter: { state: 'open' },
        after: '0',
        upTo: String(ROWS),
        maxRows: 10,
        maxBytes: 1_000
      })
  }
}

interface Reads {
  table: string
  /** Rows Postgres looked at, by whatever way. */
  rows: number
  /** Scans from end to end. */
  whole: number
  byIndex: number
}

const readsSoFar = async (tables: readonly string[]): Promise<Reads[]> =>
  database.db.sql.$queryRaw`
    SELECT relname::text AS "table", (seq_tup_read + idx_tup_fetch)::int AS rows, seq_scan::int AS whole,
           idx_scan::int AS "byIndex"
    FROM pg_stat_user_tables WHERE relname = ANY (${tables}) ORDER BY relname`

/** What one piece of work read; told to Postgres at its end instead of within a second. */
const readsOf = async (tables: readonly string[], work: (sql: Sql) => Promise<unknown>): Promise<Reads[]> => {
  await database.db.sql.$executeRaw`SELECT pg_stat_force_next_flush()` // what came before is not its doing
  const before = await readsSoFar(tables)
  await database.db.transaction(async (tx) => {
    await work(tx)
    await tx.$executeRaw`SELECT pg_stat_force_next_flush()`
  })
  const after = await readsSoFar(tables)
  return after.map(({ table, rows, whole, byIndex }, index) => ({
    table,
    rows: rows - (before[index]?.rows ?? 0),
    whole: whole - (before[index]?.whole ?? 0),
    byIndex: byIndex - (before[index]?.byIndex ?? 0)
  }))
}

describe.each([
  ['before Postgres has statistics', 'SELECT 1'],
  ['with statistics', 'VACUUM ANALYZE']
])('%s', (_when, preparation) => {
  beforeAll(async () => {
    await database.db.sql.$executeRawUnsafe(preparation)
  })

  it.each(Object.keys(hot))('%s reads what it asks for and little more', async (name) => {
    const { tables, run } = hot[name] ?? { tables: [], run: () => Promise.resolve() }
    const reads = await readsOf(tables, run)
    expect(reads.map(({ table }) => table)).toEqual(tables.toSorted())
    for (const { table, rows, whole, byIndex } of reads) {
      expect({ table, whole }).toEqual({ table, whole: 0 })
      expect(byIndex).toBeGreaterThan(0)
      expect(rows, table).toBeLessThan(ROWS / 10)
    }
  })
})

it('would not without the index', async () => {
  const { sql } = database.db
  await sql.$executeRawUnsafe('DROP INDEX feed_records_source_id_record_hash_idx')
  const reads = await readsOf(['feed_records'], (tx) => findSkippable(tx, question()))
  expect(reads[0]?.rows).toBeGreaterThanOrEqual(ROWS)
})
