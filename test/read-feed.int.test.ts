import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { createDemoOffers } from '@sluice/examples/costa-demo'
import type { RawSql } from '@sluice/prisma/client'
import { settleFeedRecords, type FeedRecordRow } from '@sluice/prisma/tables/feed-records'
import { writeOffers } from '@sluice/prisma/tables/offers'
import type { SourceRow } from '@sluice/prisma/tables/sources'
import { stampOf, type Envelope } from '@sluice/shared/envelope'
import { findFormat } from '@sluice/shared/formats'
import type { Changed } from '../scheduler/src/diff.ts'
import { createBooks } from '../scheduler/src/ledger.ts'
import { readFeed } from '../scheduler/src/read-feed.ts'
import { countUnreadable } from '../scheduler/src/unreadable.ts'
import { createDatabase, type TestDatabase } from './support/database.ts'
import { kyero } from './support/feed-shop.ts'
import { anOffer, aSource, aVendor } from './support/store.ts'

/** A feed of several batches, of which one is read, one is looked up and one is sent at the same time. */

const OFFERS = 1_600
const NOW = 1_790_000_000_000_000

let database: TestDatabase
let source: SourceRow
let folder: string
let path: string
let runs = 0

beforeAll(async () => {
  database = await createDatabase({ poolSize: 4 })
  const vendor = await aVendor(database.db.sql, 'costa')
  source = await aSource(database.db.sql, { vendorId: vendor.id, slug: 'costa-feed' })
  folder = await mkdtemp(join(tmpdir(), 'sluice-read-feed-'))
  path = join(folder, 'feed.xml')
  await writeFile(path, kyero(createDemoOffers(OFFERS)))
})
afterAll(async () => {
  await database?.drop()
  await rm(folder, { recursive: true, force: true })
})
beforeEach(async () => {
  await database.db.sql.$executeRaw`TRUNCATE feed_records, offers, run_seen`
})

interface Reading {
  sql?: RawSql
  signal?: AbortSignal
  onSend?: (changed: readonly Changed[]) => void | Promise<void>
}

/** The envelopes a run sends, batch by batch. */
const read = async ({ sql = database.db.direct.sql, signal, onSend }: Reading = {}): Promise<
  Envelope[][]
> => {
  const format = findFormat('kyero')
  if (format?.feed === undefined) throw new Error('the format kyero has no feed')
  const id = String((runs += 1))
  await database.db.sql.$executeRaw`
    INSERT INTO feed_runs (id, source_id, trigger, state, lease_token, lease_until)
    VALUES (${BigInt(id)}, ${source.id}, 'manual', 'done', '', now())`
  const ledger = createBooks()
  const sent: Envelope[][] = []
  await readFeed({
    bodies: [{ path, bytes: 1, sha256: '' }],
    settings: {},
    fileFactAt: NOW,
    maxRecordBytes: 1_000_000,
    maxBytes: 1_000_000_000,
    looksAhead: true,
    sql,
    run: { id, full: false },
    source,
    format: { ...format, feed: format.feed },
    receivedAt: NOW,
    listedSince: 0,
    lateGone: new Map(),
    ledger,
    unreadable: countUnreadable(ledger),
    outlet: {
      send: async (changed) => {
        sent.push(changed.map(({ envelope }) => envelope))
        await onSend?.(changed)
      },
      flush: () => Promise.resolve(),
      close: () => undefined
    },
    signal: signal ?? new AbortController().signal
  })
  return sent
}

/** What a worker notes of it. */
const noted = (envelope: Envelope, more: Partial<FeedRecordRow> = {}): FeedRecordRow => ({
  sourceId: source.id,
  externalId: envelope.externalId,
  recordHash: envelope.recordHash,
  formatVersion: envelope.formatVersion,
  sourceRevision: envelope.sourceRevision,
  stamp: stampOf(envelope),
  factAtFrom: envelope.factAtFrom,
  outcome: 'created',
  runId: String(runs),
  ...more
})

test('what workers apply while a batch waits for them is known when the next one is sent', async () => {
  const { sql } = database.db
  const [first, second] = await read()
  const known = second?.at(-1)
  if (first === undefined || known === undefined) throw new Error('the feed is one batch')
  await sql.$executeRaw`TRUNCATE feed_records`
  await settleFeedRecords(sql, [noted(known)])
  await writeOffers(sql, [
    anOffer({ vendorId: source.vendorId, externalId: known.externalId, rowVersion: 1 })
  ])
  const [, spared] = await read()
  expect(spared).toHaveLength((second?.length ?? 0) - 1)

  let batches = 0
  const overrule = async (): Promise<void> => {
    if ((batches += 1) !== 1) return
    await sleep(700) // the next one has been looked up long since
    await settleFeedRecords(sql, [
      noted({ ...known, ordinal: OFFERS }, { recordHash: 'what it said before' })
    ])
  }
  const [, sent] = await read({ onSend: overrule })
  expect(sent?.map(({ externalId }) => externalId)).toContain(known.externalId)
})

test.each(['looking up', 'marking', 'sending', 'being stopped'])(
  'what goes wrong while %s ends the pass, and nothing is asked behind its end',
  async (place) => {
    const stopped = new AbortController()
    let [asked, active, batches] = [0, 0, 0]
    const sql: RawSql = {
      $executeRaw: database.db.direct.sql.$executeRaw,
      $queryRaw: async (query, ...values) => {
        active += 1
        try {
          const isMark = 'raw' in query && query.join('').includes('INSERT INTO run_seen')
          if (!isMark) await sleep(50)
          if ((asked += 1) > 3 && place === (isMark ? 'marking' : 'looking up'))
            throw new Error('it went wrong')
          return await database.db.direct.sql.$queryRaw(query, ...values)
        } finally {
          active -= 1
        }
      }
    }
    const onSend = (): void => {
      if ((batches += 1) !== 2) return
      if (place === 'sending') throw new Error('it went wrong')
      if (place === 'being stopped') stopped.abort(new Error('it went wrong'))
    }
    await expect(read({ sql, signal: stopped.signal, onSend })).rejects.toThrow('it went wrong')
    expect(active).toBe(0)
    const askedBefore = asked
    await sleep(100)
    expect(asked).toBe(askedBefore)
  }
)
