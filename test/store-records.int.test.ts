import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Db, Sql } from '@sluice/prisma/client'
import {
  actsOf,
  discardDeadLetters,
  lockDeadLetters,
  markReplayed,
  scopeOf
} from '@sluice/prisma/tables/dead-letter-acts'
import {
  countDeadLetters,
  findDeadLetter,
  insertDeadLetters,
  listDeadLetters,
  type NewDeadLetter
} from '@sluice/prisma/tables/dead-letters'
import { findDeliveries, settleDeliveries, type NewDelivery } from '@sluice/prisma/tables/deliveries'
import {
  closeOvertaken,
  closeRejections,
  listRejections,
  openRejections,
  type NewRejection,
  type RejectionRow
} from '@sluice/prisma/tables/rejections'
import { settleFeedRecords } from '@sluice/prisma/tables/feed-records'
import { writeOffers } from '@sluice/prisma/tables/offers'
import type { SourceRow } from '@sluice/prisma/tables/sources'
import { createDatabase, type TestDatabase } from './support/database.ts'
import { waitFor } from './support/process.ts'
import { anOffer, aSource, aVendor, shuffled, stampAt } from './support/store.ts'

let database: TestDatabase
let db: Db
let sql: Sql
let source: SourceRow
let sources = 0

beforeAll(async () => {
  database = await createDatabase({ poolSize: 8 })
  db = database.db
  sql = db.sql
})
afterAll(() => database.drop())
beforeEach(async () => {
  sources += 1
  const vendor = await aVendor(sql, `vendor-${sources}`)
  source = await aSource(sql, { vendorId: vendor.id, slug: `push-${sources}`, kind: 'webhook' })
})

const rejection = (externalId: string, seconds: number, more: Partial<NewRejection> = {}): NewRejection => ({
  sourceId: source.id,
  externalId,
  code: 'RECORD_INVALID',
  path: '/price',
  message: 'price is missing',
  stamp: stampAt(seconds),
  ...more
})

const rejectionOf = async (externalId: string): Promise<RejectionRow | undefined> =>
  (await listRejections(sql, { sourceSlug: source.slug })).find((row) => row.externalId === externalId)

const delivery = (messageId: string, more: Partial<NewDelivery> = {}): NewDelivery => ({
  messageId,
  sourceId: source.id,
  externalId: 'x',
  stamp: stampAt(10),
  record: { id: 'x' },
  outcome: 'created',
  receivedAt: new Date('2026-11-23T13:38:11.123Z'),
  ...more
})

const letter = (more: Partial<NewDeadLetter> = {}): NewDeadLetter => ({
  messageId: `${source.slug}.1`,
  source: source.slug,
  routingKey: `webhook.${source.slug}`,
  properties: { type: 'record' },
  headers: { lane: 'webhook' },
  body: Buffer.from([0, 255, 123, 125]),
  faultCode: 'UNKNOWN',
  attempts: 5,
  ...more
})

const openLetters = (): ReturnType<typeof listDeadLetters> =>
  listDeadLetters(sql, { state: 'open', source: source.slug })

const idsOf = (rows: readonly RejectionRow[]): string[] => rows.map(({ externalId }) => externalId)

describe('a rejection', () => {
  it('moves with a newer or equal stamp, and counts only what is said anew', async () => {
    await openRejections(sql, [rejection('a', 10)])
    await openRejections(sql, [rejection('a', 9, { code: 'OLDER' })])
    expect(await rejectionOf('a')).toMatchObject({ code: 'RECORD_INVALID', count: 1, stamp: stampAt(10) })
    await openRejections(sql, [rejection('a', 10, { message: 'said again' })])
    expect(await rejectionOf('a')).toMatchObject({ message: 'said again', count: 1 })
    await openRejections(sql, [rejection('a', 11, { code: 'NEWER', runId: '7', messageId: '7.1' })])
    const row = await rejectionOf('a')
    expect(row).toMatchObject({ code: 'NEWER', count: 2, stamp: stampAt(11), runId: '7', messageId: '7.1' })
    expect(row?.closedAt).toBeUndefined()
  })

  it('closes with a record that applies, unless that one is older', async () => {
    const { id: sourceId } = source
    await openRejections(sql, [rejection('a', 10), rejection('b', 10)])
    await closeRejections(sql, [
      { sourceId, externalId: 'a', stamp: stampAt(9) },
      { sourceId, externalId: 'b', stamp: stampAt(11) },
      { sourceId, externalId: 'b', stamp: stampAt(8) },
      { sourceId, externalId: 'never rejected', stamp: stampAt(11) }
    ])
    expect(idsOf(await listRejections(sql, { sourceSlug: source.slug, open: true }))).toEqual(['a'])
    expect(idsOf(await listRejections(sql, { sourceSlug: source.slug, open: false }))).toEqual(['b'])
    // One that was said before the record that applied arrives late: nothing is wrong any more.
    await openRejections(sql, [rejection('b', 10.5)])
    expect((await rejectionOf('b'))?.closedAt).toBeInstanceOf(Date)
    await openRejections(sql, [rejection('b', 12)])
    expect((await rejectionOf('b'))?.closedAt).toBeUndefined()
  })

  it('that arrives after its source was applied again is history', async () => {
    const { id: sourceId, vendorId, slug } = source
    const said = { sourceId, formatVersion: 1, sourceRevision: 1, factAtFrom: 'record', runId: '1' } as const
    await settleFeedRecords(sql, [
      { ...said, externalId: 'fed', recordHash: 'f', stamp: stampAt(20), outcome: 'unchanged' },
      { ...said, externalId: 'refused', recordHash: 'r', stamp: stampAt(20), outcome: 'rejected' }
    ])
    await writeOffers(sql, [
      anOffer({ vendorId, externalId: 'pushed', sourceStamps: { [slug]: stampAt(20) } })
    ])
    const late = ['fed', 'refused', 'pushed'].map((externalId) => rejection(externalId, 10))
    await openRejections(sql, late)
    expect(idsOf(await listRejections(sql, { sourceSlug: slug }))).toEqual(['refused'])
    await openRejections(sql, [rejection('fed', 21), rejection('pushed', 21)])
    expect(idsOf(await listRejections(sql, { sourceSlug: slug, open: true })).toSorted()).toEqual([
      'fed',
      'pushed',
      'refused'
    ])
  })

  it('of a record that is older than all its offer says is history, also when nothing changed since', async () => {
    const { vendorId, slug } = source
    const offer = { vendorId, baseStamp: stampAt(20), unitStamps: {}, sourceStamps: { [slug]: stampAt(5) } }
    await writeOffers(sql, [
      anOffer({ ...offer, externalId: 'whole' }),
      anOffer({ ...offer, externalId: 'in part', unitStamps: { listPrice: stampAt(5) } })
    ])
    await openRejections(sql, [rejection('whole', 10), rejection('in part', 10)])
    expect(idsOf(await listRejections(sql, { sourceSlug: slug }))).toEqual(['in part'])
    await openRejections(sql, [rejection('whole', 30)])
    expect(idsOf(await listRejections(sql, { sourceSlug: slug }))).toContain('whole')
  })

  it('that stayed open beside something newer is closed by the upkeep', async () => {
    const { id: sourceId, vendorId, slug } = source
    const ids = ['fed', 'pushed', 'patched', 'refused', 'older', 'other', 'unknown']
    await openRejections(
      sql,
      ids.map((id) => rejection(id, 10, id === 'unknown' ? { code: 'OFFER_UNKNOWN' } : {}))
    )
    const said = { sourceId, formatVersion: 1, sourceRevision: 1, factAtFrom: 'record', runId: '1' } as const
    await settleFeedRecords(sql, [
      { ...said, externalId: 'fed', recordHash: 'f', stamp: stampAt(20), outcome: 'stale' }
    ])
    await writeOffers(sql, [
      anOffer({ vendorId, externalId: 'pushed', sourceStamps: { [slug]: stampAt(20) } }),
      anOffer({ vendorId, externalId: 'other', sourceStamps: { [slug]: stampAt(9) } })
    ])
    const patch = (externalId: string, seconds: number, outcome: NewDelivery['outcome']): NewDelivery =>
      delivery(`${slug}-${externalId}.0`, { externalId, stamp: stampAt(seconds), outcome })
    await settleDeliveries(sql, [
      patch('patched', 20, 'unchanged'),
      patch('refused', 20, 'rejected'),
      patch('older', 9, 'unchanged'),
      patch('unknown', 20, 'incomplete'),
      patch('nobody', 20, 'unchanged')
    ])
    expect(await closeOvertaken(sql)).toBe(3)
    expect(idsOf(await listRejections(sql, { sourceSlug: slug, open: false })).toSorted()).toEqual([
      'fed',
      'patched',
      'pushed'
    ])
    expect(await closeOvertaken(sql)).toBe(0)
  })

  it('keeps what the vendor sent, even what jsonb cannot say', async () => {
    const record = {
      'na\u0000me': 'half \ud800 pair',
      text: String.raw`not an escape: \u0000`,
      price: '1,200.50'
    }
    await openRejections(sql, [rejection('a', 1, { record, message: 'NUL \u0000' })])
    expect(await rejectionOf('a')).toMatchObject({
      message: 'NUL \ufffd',
      record: { 'na\ufffdme': 'half \ufffd pair', text: String.raw`not an escape: \u0000`, price: '1,200.50' }
    })
  })

  it('opened and closed by concurrent batches in any order does not deadlock', async () => {
    const ids = Array.from({ length: 200 }, (_, index) => `r${index}`)
    const { id: sourceId } = source
    const writes = Array.from({ length: 20 }, (_, round) =>
      db.transaction(async (tx) => {
        const mine = shuffled(ids, round)
        if (round % 2 === 0)
          await openRejections(
            tx,
            mine.map((id) => rejection(id, round))
          )
        else
          await closeRejections(
            tx,
            mine.map((externalId) => ({ sourceId, externalId, stamp: stampAt(round) }))
          )
      })
    )
    await expect(Promise.all(writes)).resolves.toHaveLength(20)
  })
})

describe('a delivery', () => {
  it('is one row a message, however often it is delivered', async () => {
    await settleDeliveries(sql, [delivery('d.0'), delivery('d.1', { outcome: 'retried' })])
    await settleDeliveries(sql, [
      delivery('d.0', { outcome: 'unchanged' }),
      delivery('d.1', { outcome: 'stale' })
    ])
    const rows = await findDeliveries(sql, 'd')
    expect(rows.map(({ messageId, outcome }) => [messageId, outcome])).toEqual([
      ['d.0', 'created'],
      ['d.1', 'stale']
    ])
    const { record: _, ...said } = delivery('d.0')
    expect(rows[0]).toEqual({ ...said, sourceSlug: source.slug, settledAt: expect.any(Date) })
    await settleDeliveries(sql, [delivery('d.0', { stamp: stampAt(9), outcome: 'rejected' })])
    expect((await findDeliveries(sql, 'd'))[0]).toMatchObject({ outcome: 'created' })
  })

  it('remembers of how many records its request was, also when it is settled again', async () => {
    await settleDeliveries(sql, [delivery('n.0', { outcome: 'retried', recordCount: 2 })])
    await settleDeliveries(sql, [delivery('n.0')])
    expect(await findDeliveries(sql, 'n')).toMatchObject([{ outcome: 'created', recordCount: 2 }])
  })

  it('is found by the id of its request alone, in the order of its records', async () => {
    const records = Array.from({ length: 12 }, (_, index) => delivery(`req.${index}`))
    await settleDeliveries(sql, [
      ...records.toReversed(),
      delivery('req2.0'),
      delivery('re.0'),
      delivery('req-1.0')
    ])
    const found = (await findDeliveries(sql, 'req')).map(({ messageId }) => messageId)
    expect(found).toEqual(records.map(({ messageId }) => messageId))
    expect(await findDeliveries(sql, '%')).toEqual([])
  })
})

describe('a dead letter', () => {
  it('keeps its body byte by byte', async () => {
    await insertDeadLetters(sql, [letter({ firstSeenAt: new Date(0), faultMessage: 'NUL \u0000' })])
    const [row] = await openLetters()
    expect(row).toMatchObject({
      faultCode: 'UNKNOWN',
      replays: 0,
      faultMessage: 'NUL \ufffd',
      firstSeenAt: new Date(0)
    })
    expect(row).not.toHaveProperty('body')
    const found = await findDeadLetter(sql, row?.id ?? '')
    expect(Buffer.from(found?.body ?? [])).toEqual(letter().body)
    expect(await findDeadLetter(sql, 'not an id')).toBeUndefined()
  })

  it('delivered again while it lies here is the same one; another body or no id is another', async () => {
    await insertDeadLetters(sql, [letter()])
    await insertDeadLetters(sql, [letter()])
    expect(await openLetters()).toHaveLength(1)
    // Both deaths of a message whose worker was killed in between, in one batch.
    const twice = letter({ messageId: `${source.slug}.twice` })
    await insertDeadLetters(sql, [twice, twice])
    expect(await openLetters()).toHaveLength(2)
    await insertDeadLetters(sql, [letter({ body: Buffer.from('{}') })])
    const { messageId: _, ...unnamed } = letter({ faultCode: 'ENVELOPE_INVALID' })
    await insertDeadLetters(sql, [unnamed])
    expect(await openLetters()).toHaveLength(4)
    expect(await listDeadLetters(sql, { source: source.slug, faultCode: 'ENVELOPE_INVALID' })).toHaveLength(1)
  })

  it('is open until it is replayed or discarded, by whom is kept; dying again it is a new one', async () => {
    await insertDeadLetters(sql, [letter(), letter({ messageId: `${source.slug}.2` })])
    const [second, first] = (await openLetters()).map(({ id }) => id)
    if (first === undefined || second === undefined) throw new Error('the letters are not there')
    const ana = { actor: 'ana' }
    expect(await markReplayed(sql, [first, '999999'], ana)).toBe(1)
    expect(await discardDeadLetters(sql, { ids: [second] }, { ...ana, reason: 'known bug' })).toBe(1)
    expect(await openLetters()).toEqual([])
    expect(await discardDeadLetters(sql, { ids: [first] }, { ...ana, reason: 'too late' })).toBe(0)
    expect(await markReplayed(sql, [second], ana)).toBe(0)
    expect(await findDeadLetter(sql, second)).toMatchObject({ discardReason: 'known bug' })
    await insertDeadLetters(sql, [letter()])
    expect(await openLetters()).toMatchObject([{ messageId: letter().messageId, replays: 0 }])

    expect(await markReplayed(sql, [first], { actor: 'ben', reason: 'fixed in 1.2' })).toBe(1)
    expect(await actsOf(sql, first)).toEqual([
      { act: 'replayed', actor: 'ana', at: expect.any(Date) },
      { act: 'replayed', actor: 'ben', reason: 'fixed in 1.2', at: expect.any(Date) }
    ])
    expect(await actsOf(sql, second)).toMatchObject([{ act: 'discarded', actor: 'ana', reason: 'known bug' }])
  })

  it('is found by whatever is known of it, and counted by source and fault', async () => {
    const [mine, other] = [`${source.slug}.a`, `${source.slug}.b`]
    await insertDeadLetters(sql, [
      letter({ messageId: mine, externalId: 'x1', lane: 'feed', headers: { vendor: 'acme' } }),
      letter({ messageId: other, faultClass: 'TypeError', faultCode: 'BUG', headers: { vendor: 'zeta' } })
    ])
    const found = async (filter: Parameters<typeof listDeadLetters>[1]): Promise<unknown[]> =>
      (await listDeadLetters(sql, { source: source.slug, ...filter })).map(({ messageId }) => messageId)
    expect(await found({ externalId: 'x1' })).toEqual([mine])
    expect(await found({ lane: 'feed' })).toEqual([mine])
    expect(await found({ vendor: 'zeta' })).toEqual([other])
    expect(await found({ faultClass: 'TypeError' })).toEqual([other])
    expect(await found({ faultCode: 'BUG', vendor: 'acme' })).toEqual([])
    expect(await found({ until: new Date(Date.now() - 3_600_000) })).toEqual([])
    expect(await found({ since: new Date(Date.now() - 3_600_000), state: 'open' })).toEqual([other, mine])
    expect(await found({ state: 'replayed' })).toEqual([])
    expect(await found({ ids: ['not an id'] })).toEqual([])
    expect(await countDeadLetters(sql, { source: source.slug })).toMatchObject([
      { source: source.slug, faultCode: 'BUG', count: 1 },
      { source: source.slug, faultCode: 'UNKNOWN', count: 1 }
    ])
  })

  it('that is being replayed is left alone by others, and its next death is waited for and kept', async () => {
    await insertDeadLetters(sql, [letter()])
    const filter = { source: source.slug, state: 'open' } as const
    const { upTo = '0' } = await scopeOf(sql, filter)
    const page = { filter, after: '0', upTo, maxRows: 10, maxBytes: 1_000 }
    let again: Promise<void> = Promise.resolve()
    await db.transaction(async (tx) => {
      const locked = await lockDeadLetters(tx, page)
      expect(locked.map(({ messageId }) => messageId)).toEqual([letter().messageId])
      expect(await db.transaction((other) => lockDeadLetters(other, page))).toEqual([])
      // The copy is confirmed, dies at once and is drained before the replay is marked.
      again = insertDeadLetters(sql, [letter({ faultCode: 'AGAIN' })])
      await waitFor('the drain to wait for the replay', async () => {
        const waiting = await sql.$queryRaw<unknown[]>`
          SELECT 1 FROM pg_stat_activity
          WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%lying%'`
        return waiting.length > 0
      })
      await markReplayed(
        tx,
        locked.map(({ id }) => id),
        { actor: 'ana' }
      )
    })
    await again
    expect(await openLetters()).toMatchObject([{ messageId: letter().messageId, faultCode: 'AGAIN' }])
  })

  it('whose replay breaks off before it is marked lies open still, and once', async () => {
    await insertDeadLetters(sql, [letter()])
    const [lying] = await openLetters()
    let again: Promise<void> = Promise.resolve()
    const broken = db.transaction(async (tx) => {
      await lockDeadLetters(tx, {
        filter: { ids: [lying?.id ?? ''] },
        after: '0',
        upTo: lying?.id ?? '0',
        maxRows: 1,
        maxBytes: 0
      })
      again = insertDeadLetters(sql, [letter()])
      throw new Error('killed')
    })
    await expect(broken).rejects.toThrow('killed')
    await again
    expect(await openLetters()).toMatchObject([{ id: lying?.id }])
  })
})
