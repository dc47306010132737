import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Sql } from '@sluice/prisma/client'
import { insertDeadLetters, type NewDeadLetter } from '@sluice/prisma/tables/dead-letters'
import { discardDeadLetters, markReplayed } from '@sluice/prisma/tables/dead-letter-acts'
import { settleDeliveries } from '@sluice/prisma/tables/deliveries'
import { writeOffers } from '@sluice/prisma/tables/offers'
import { addRefusals } from '@sluice/prisma/tables/refusals'
import { closeRejections, listRejections, openRejections } from '@sluice/prisma/tables/rejections'
import { KEPT, RETENTION } from '@sluice/prisma/tables/retention'
import type { SourceRow } from '@sluice/prisma/tables/sources'
import { createLogger } from '@sluice/shared/log'
import type { RejectionReport } from '@sluice/shared/sentry'
import { purgeExpired } from '../scheduler/src/retention.ts'
import { reportUnknownOffers } from '../scheduler/src/unknown-offers.ts'
import { createDatabase, type TestDatabase } from './support/database.ts'
import { anOffer, aSource, aVendor, stampAt } from './support/store.ts'

const log = createLogger({ service: 'test', level: 'silent' })
const never = new AbortController().signal
let database: TestDatabase
let sql: Sql
let source: SourceRow

beforeAll(async () => {
  database = await createDatabase()
  sql = database.db.sql
  const vendor = await aVendor(sql, 'acme')
  source = await aSource(sql, { vendorId: vendor.id, slug: 'crm', kind: 'webhook' })
})
afterAll(() => database.drop())

const inDays = (days: number) => () => new Date(Date.now() + days * 24 * 3_600_000)
const purgedIn = (days: number, batchSize?: number): Promise<void> =>
  purgeExpired(
    { db: database.db, log, now: inDays(days), ...(batchSize === undefined ? {} : { batchSize }) },
    never
  )
/** What is left, as one word a row. */
const left = async (table: string, word: string): Promise<unknown[]> =>
  (await sql.$queryRawUnsafe<{ word: unknown }[]>(`SELECT ${word} AS word FROM ${table} ORDER BY 1`)).map(
    (row) => row.word
  )

describe('rows that are over', () => {
  test('every table has a rule, or a reason to have none', async () => {
    const rows = await sql.$queryRaw<{ name: string }[]>`
      SELECT table_name AS name FROM information_schema.tables
      WHERE table_schema = 'public' AND table_type = 'BASE TABLE' AND table_name <> '_prisma_migrations'`
    const said = [...RETENTION.map(({ table }) => table), ...Object.keys(KEPT)]
    expect(said.toSorted()).toEqual(rows.map(({ name }) => name).toSorted())
  })

  test('deliveries and refusals go after 30 days, batch by batch, and not a day sooner', async () => {
    const receivedAt = new Date()
    await settleDeliveries(
      sql,
      Array.from({ length: 25 }, (_, index) => ({
        messageId: `d.${index}`,
        sourceId: source.id,
        externalId: 'x',
        stamp: stampAt(1),
        outcome: 'created' as const,
        receivedAt
      }))
    )
    await addRefusals(sql, [
      { sourceSlug: 'crm', code: 'X', minute: receivedAt, count: 1, lastAt: receivedAt, sample: {} }
    ])
    await purgedIn(29)
    expect(await left('deliveries', 'message_id')).toHaveLength(25)
    await purgedIn(31, 10)
    expect(await left('deliveries', 'message_id')).toEqual([])
    expect(await left('refusals', 'code')).toEqual([])
  })

  test('of rejections and dead letters only those that are done with', async () => {
    const rejection = { sourceId: source.id, code: 'X', message: '', stamp: stampAt(1) }
    await openRejections(sql, [
      { ...rejection, externalId: 'open' },
      { ...rejection, externalId: 'closed' }
    ])
    await closeRejections(sql, [{ sourceId: source.id, externalId: 'closed', stamp: stampAt(2) }])
    const letter = (messageId: string): NewDeadLetter => ({
      messageId,
      routingKey: 'x',
      properties: {},
      headers: {},
      body: Buffer.from('{}'),
      faultCode: messageId,
      attempts: 0
    })
    await insertDeadLetters(sql, ['open', 'replayed', 'discarded'].map(letter))
    const [replayed] = await sql.$queryRaw<{ id: string }[]>`
      SELECT id::text AS id FROM dead_letters WHERE message_id = 'replayed'`
    await markReplayed(sql, [replayed?.id ?? ''], { actor: 'ana' })
    await discardDeadLetters(sql, { faultCode: 'discarded' }, { actor: 'ana', reason: 'x' })
    await purgedIn(89)
    expect(await left('rejections', 'external_id')).toEqual(['closed', 'open'])
    expect(await left('dead_letters', 'message_id')).toEqual(['discarded', 'open', 'replayed'])
    await purgedIn(91)
    expect(await left('rejections', 'external_id')).toEqual(['open'])
    expect(await left('dead_letters', 'message_id')).toEqual(['open'])
    expect(await left('dead_letter_acts', 'actor')).toEqual([])
  })

  test('of runs all but the newest that was done, and none that is alive', async () => {
    const feed = await aSource(sql, { vendorId: source.vendorId, slug: 'feed' })
    const other = await aSource(sql, { vendorId: source.vendorId, slug: 'never-done' })
    const run = (id: number, sourceId: number, state: string): Promise<number> => sql.$executeRaw`
      INSERT INTO feed_runs (id, source_id, trigger, state, lease_token, lease_until, finished_at)
      VALUES (${id}, ${sourceId}, 'manual', ${state}, '', now(),
              CASE WHEN ${state} = 'reading' THEN NULL ELSE now() END)`
    await run(1, feed.id, 'done')
    await run(2, feed.id, 'done')
    await run(3, feed.id, 'failed')
    await run(4, feed.id, 'reading')
    await run(5, other.id, 'failed')
    await purgedIn(89)
    expect(await left('feed_runs', 'id::int')).toEqual([1, 2, 3, 4, 5])
    await purgedIn(91)
    expect(await left('feed_runs', 'id::int')).toEqual([2, 4])
  })

  test('that somebody else is deleting are left to them', async () => {
    const receivedAt = new Date()
    const delivery = { sourceId: source.id, externalId: 'x', stamp: stampAt(1), receivedAt } as const
    await settleDeliveries(sql, [
      { ...delivery, messageId: 'a.0', outcome: 'created' },
      { ...delivery, messageId: 'b.0', outcome: 'created' }
    ])
    await database.db.transaction(async (tx) => {
      await tx.$queryRaw`SELECT FROM deliveries WHERE message_id = 'a.0' FOR UPDATE`
      await purgedIn(31)
    })
    expect(await left('deliveries', 'message_id')).toEqual(['a.0'])
  })
})

describe('an offer of which only changes came', () => {
  const report = async (days: number): Promise<RejectionReport[]> => {
    const said: RejectionReport[] = []
    await reportUnknownOffers({
      db: database.db,
      reporter: { rejection: (one) => void said.push(one) },
      now: inDays(days)
    })
    return said
  }
  const rejectionsOf = async (externalId: string) =>
    (await listRejections(sql, { sourceSlug: 'crm' })).filter((row) => row.externalId === externalId)
  const incomplete = (externalId: string, seconds: number) =>
    anOffer({
      vendorId: source.vendorId,
      externalId,
      state: 'incomplete',
      revision: 0,
      sourceStamps: { crm: stampAt(seconds) }
    })

  test('is reported after seven days, once, and taken back when the offer comes', async () => {
    await writeOffers(sql, [incomplete('patched', 10)])
    expect(await report(6)).toEqual([])
    expect(await report(8)).toMatchObject([{ source: 'crm', code: 'OFFER_UNKNOWN' }])
    expect(await rejectionsOf('patched')).toMatchObject([{ code: 'OFFER_UNKNOWN', count: 1 }])
    expect(await report(8)).toEqual([])

    // It comes with an older fact than the patch: nothing newer was said that could close the rejection.
    await writeOffers(sql, [{ ...incomplete('patched', 10), state: 'active', rowVersion: 1, revision: 1 }])
    expect(await report(9)).toEqual([])
    expect((await rejectionsOf('patched'))[0]?.closedAt).toBeInstanceOf(Date)
  })

  test('is reported though a later word of its source closed what stood there before', async () => {
    const row = { sourceId: source.id, externalId: 'silent' }
    await openRejections(sql, [{ ...row, code: 'RECORD_INVALID', message: '', stamp: stampAt(5) }])
    await closeRejections(sql, [{ ...row, stamp: stampAt(20) }])
    await writeOffers(sql, [incomplete('silent', 10)])
    expect(await report(8)).toHaveLength(1)
    expect(await rejectionsOf('silent')).toMatchObject([{ code: 'OFFER_UNKNOWN', stamp: stampAt(20) }])
    expect(await report(8)).toEqual([])
  })

  test('is not reported while a newer rejection says why it did not come', async () => {
    await writeOffers(sql, [incomplete('refused', 10)])
    await openRejections(sql, [
      { sourceId: source.id, externalId: 'refused', code: 'RECORD_INVALID', message: '', stamp: stampAt(20) }
    ])
    expect(await report(8)).toEqual([])
    expect(await rejectionsOf('refused')).toMatchObject([{ code: 'RECORD_INVALID' }])
  })
})
