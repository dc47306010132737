import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import type { Sql } from '@sluice/prisma/client'
import {
  deleteOutbox,
  findOutbox,
  insertOutbox,
  lockOutbox,
  outboxSources,
  outboxUsage,
  type NewOutboxRow,
  type OutboxLimits
} from '@sluice/prisma/tables/outbox'
import { pauseSource, resumeSource, type SourceRow } from '@sluice/prisma/tables/sources'
import { createDatabase, type TestDatabase } from './support/database.ts'
import { aSource, aVendor } from './support/store.ts'

let database: TestDatabase
let sql: Sql
let source: SourceRow
let sources = 0

beforeAll(async () => {
  database = await createDatabase({ poolSize: 12 })
  sql = database.db.sql
})
afterAll(() => database.drop())
beforeEach(async () => {
  await sql.$executeRaw`DELETE FROM sources`
  sources += 1
  const vendor = await aVendor(sql, `vendor-${sources}`)
  source = await aSource(sql, { vendorId: vendor.id, slug: `push-${sources}`, kind: 'webhook' })
})

const LIMITS: OutboxLimits = { maxRows: 1_000, maxBytes: 1_000_000 }

const rows = (delivery: string, count = 1, bytes = 10): NewOutboxRow[] =>
  Array.from({ length: count }, (_, index) => ({
    sourceId: source.id,
    messageId: `${delivery}.${index}`,
    routingKey: 'webhook.push',
    properties: { messageId: `${delivery}.${index}`, headers: { 'external-id': 'Ж"\\' } },
    body: Buffer.alloc(bytes, 0xff)
  }))

/** What the bookkeeping says, and what is true. */
const usage = async () => {
  const [counted] = await sql.$queryRaw<[{ rows: number; bytes: number }]>`
    SELECT count(*)::int AS rows, coalesce(sum(octet_length(body)), 0)::float8 AS bytes FROM outbox
    WHERE source_id = ${source.id}`
  const [kept] = await outboxUsage(sql)
  return { kept: { rows: kept?.rows ?? 0, bytes: kept?.bytes ?? 0 }, counted }
}

const lock = (limits: OutboxLimits) => database.db.transaction((tx) => lockOutbox(tx, source.id, limits))

/** What a relay does when its rows are confirmed. */
const remove = async (): Promise<void> =>
  database.db.transaction(async (tx) => {
    const locked = await lockOutbox(tx, source.id, { maxRows: 10, maxBytes: 1_000 })
    await deleteOutbox(
      tx,
      locked.map(({ id }) => id)
    )
  })

it('keeps every byte and the order of a request', async () => {
  await insertOutbox(sql, rows('d', 12), LIMITS)
  const stored = await lock(LIMITS)
  expect(stored.map(({ messageId }) => messageId)).toEqual(rows('d', 12).map(({ messageId }) => messageId))
  expect(stored[0]).toMatchObject({
    sourceId: source.id,
    routingKey: 'webhook.push',
    properties: rows('d')[0]?.properties
  })
  expect(Buffer.from(stored[0]?.body ?? [])).toEqual(Buffer.alloc(10, 0xff))
  expect(await findOutbox(sql, source.id, 'd')).toHaveLength(12)
  expect(await findOutbox(sql, source.id + 1, 'd')).toEqual([])
  expect(await findOutbox(sql, source.id, 'other')).toEqual([])
})

it('says since when the oldest waits', async () => {
  await insertOutbox(sql, rows('old'), LIMITS)
  const at = new Date('2026-11-01T10:00:00Z')
  await sql.$executeRaw`UPDATE outbox SET created_at = ${at} WHERE source_id = ${source.id}`
  await insertOutbox(sql, rows('new', 2), LIMITS)
  expect(await outboxUsage(sql)).toEqual([
    { sourceId: source.id, sourceSlug: source.slug, rows: 3, bytes: 30, oldestAt: at }
  ])
})

it('stores all of a source or none, and says what there was', async () => {
  const limits = { maxRows: 10, maxBytes: 100 }
  expect(await insertOutbox(sql, rows('a', 9), limits)).toEqual([
    { sourceId: source.id, stored: true, rows: 0, bytes: 0 }
  ])
  expect(await insertOutbox(sql, rows('b', 2, 1), limits)).toEqual([
    { sourceId: source.id, stored: false, rows: 9, bytes: 90 }
  ])
  expect(await insertOutbox(sql, rows('c', 1, 11), limits)).toMatchObject([{ stored: false }])
  expect(await insertOutbox(sql, rows('d', 1, 10), limits)).toMatchObject([{ stored: true }])
  expect(await usage()).toEqual({ kept: { rows: 10, bytes: 100 }, counted: { rows: 10, bytes: 100 } })
})

it('takes nothing for a source that no longer exists, and the rest of the batch', async () => {
  const stray = { ...rows('stray')[0], sourceId: 999_999 } as NewOutboxRow
  expect(await insertOutbox(sql, [stray, ...rows('d')], LIMITS)).toMatchObject([
    { sourceId: source.id, stored: true }
  ])
  expect((await usage()).counted.rows).toBe(1)
})

it('never goes beyond the limit, however many write at once', async () => {
  const limits = { maxRows: 100, maxBytes: 1_000_000 }
  const answers = await Promise.all(
    Array.from({ length: 60 }, (_, n) => insertOutbox(sql, rows(`d${n}`, 3), limits))
  )
  expect(answers.flat().filter(({ stored }) => stored)).toHaveLength(33)
  expect(await usage()).toMatchObject({ kept: { rows: 99 }, counted: { rows: 99 } })
})

it('gives room back with the rows, while others store', async () => {
  await insertOutbox(sql, rows('first', 50), LIMITS)
  await Promise.all([
    ...Array.from({ length: 5 }, remove),
    ...Array.from({ length: 20 }, (_, n) => insertOutbox(sql, rows(`d${n}`, 2), LIMITS))
  ])
  const { kept, counted } = await usage()
  expect(kept).toEqual(counted)
  while ((await usage()).counted.rows > 0) await remove()
  expect(await usage()).toMatchObject({ kept: { rows: 0, bytes: 0 } })
})

it('two who lock get different rows, and who dies gives them back', async () => {
  await insertOutbox(sql, rows('d', 10), LIMITS)
  const five = { maxRows: 5, maxBytes: 1_000 }
  const death = new Error('the power cord')
  const dying = database.db.transaction(async (tx) => {
    const first = await lockOutbox(tx, source.id, five)
    const second = await lock(LIMITS)
    expect(first.map(({ messageId }) => messageId)).toEqual(['d.0', 'd.1', 'd.2', 'd.3', 'd.4'])
    expect(second.map(({ messageId }) => messageId)).toEqual(['d.5', 'd.6', 'd.7', 'd.8', 'd.9'])
    await deleteOutbox(
      tx,
      first.map(({ id }) => id)
    )
    throw death
  })
  await expect(dying).rejects.toBe(death)
  expect(await lock(LIMITS)).toHaveLength(10)
  expect(await usage()).toMatchObject({ kept: { rows: 10 } })
})

it('locks as many rows as fit, and at least one', async () => {
  await insertOutbox(sql, [...rows('a', 1, 500), ...rows('b', 3, 100)], LIMITS)
  expect(await lock({ maxRows: 10, maxBytes: 750 })).toHaveLength(3)
  expect(await lock({ maxRows: 10, maxBytes: 0 })).toHaveLength(1)
  expect(await lock({ maxRows: 2, maxBytes: 10_000 })).toHaveLength(2)
})

it('a paused source rests, and one that is empty is not looked at', async () => {
  expect(await outboxSources(sql)).toEqual([])
  await insertOutbox(sql, rows('d'), LIMITS)
  expect(await outboxSources(sql)).toEqual([source.id])
  await pauseSource(sql, source.slug)
  expect(await outboxSources(sql)).toEqual([])
  await resumeSource(sql, source.slug)
  expect(await outboxSources(sql)).toEqual([source.id])
})
