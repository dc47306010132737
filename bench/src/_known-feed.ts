import { createReadStream } from 'node:fs'
import type { Db } from '@sluice/prisma/client'
import { settleFeedRecords, type FeedRecordRow } from '@sluice/prisma/tables/feed-records'
import { createSource, findSource, type SourceRow } from '@sluice/prisma/tables/sources'
import { createVendor } from '@sluice/prisma/tables/vendors'
import { valueAt, type FeedFormat } from '@sluice/shared/formats'
import { hashOf, parseRecord, readRecords, type RecordEvent } from '@sluice/shared/records'
import { toStamp } from '@sluice/shared/stamp'
import { nowMicros } from '@sluice/shared/time'
import { createDiff, lookUp } from '../../scheduler/src/diff.ts'
import { createBooks } from '../../scheduler/src/ledger.ts'
import { readAhead } from '../../scheduler/src/read-ahead.ts'
import { readBatches } from '../../scheduler/src/read-batches.ts'

const SLUG = 'bench-feed'
const ROWS = 1_000

/** The books as they are when every record of a file has been applied. */
export const rememberFeed = async (db: Db, file: string, format: FeedFormat): Promise<void> => {
  const vendor = await createVendor(db.sql, { slug: 'bench', name: 'Bench' })
  if (vendor === undefined) throw new Error('the database is not empty')
  const source = await createSource(db.sql, {
    vendorId: vendor.id,
    slug: SLUG,
    kind: 'feed',
    format: format.name,
    timeZone: 'UTC'
  })
  if (source === undefined) throw new Error('the database is not empty')
  const runId = await newRun(db, source)
  const receivedAt = nowMicros()
  let rows: FeedRecordRow[] = []
  const write = async (): Promise<void> => {
    await settleFeedRecords(db.sql, rows)
    await db.sql.$executeRaw`
      INSERT INTO offers (vendor_id, external_id, state, content, base_stamp, unit_stamps, source_stamps, row_version, revision)
      SELECT ${vendor.id}, id, 'active', '{}', 'x', '{}', '{}', 1, 1
      FROM jsonb_array_elements_text(${JSON.stringify(rows.map(({ externalId }) => externalId))}::jsonb) AS ids(id)`
    rows = []
  }
  for await (const event of readRecords(createReadStream(file), format.feed.records)) {
    if (event.kind !== 'record') continue
    const recordHash = hashOf(event)
    rows.push({
      sourceId: source.id,
      externalId: String(valueAt(parseRecord(event, format.feed.records).value, format.id)),
      recordHash,
      formatVersion: format.formatVersion,
      sourceRevision: source.revision,
      stamp: toStamp({ ...format, factAt: receivedAt, receivedAt, ordinal: event.ordinal, recordHash }),
      factAtFrom: 'record',
      outcome: 'created',
      runId
    })
    if (rows.length === ROWS) await write()
  }
  await write()
  await db.sql.$executeRaw`ANALYZE feed_records, offers`
}

/** What the scheduler's diff says of a file it knows: nothing is to be sent. Counts what it skipped. */
export const skipKnown = async (
  db: Db,
  events: AsyncIterable<RecordEvent>,
  format: FeedFormat
): Promise<number> => {
  const source = await findSource(db.sql, SLUG)
  if (source === undefined) throw new Error('nobody has remembered the feed')
  const ledger = createBooks()
  const diff = createDiff({
    sql: db.direct.sql,
    run: { id: await newRun(db, source), full: false },
    source,
    format,
    receivedAt: nowMicros(),
    listedSince: 0,
    lateGone: new Map(),
    ledger,
    unreadable: {
      add: ({ error }) => {
        throw new Error(error.message)
      },
      unidentified: 0,
      identified: [],
      flush: () => Promise.resolve(),
      closeOthers: () => Promise.resolve()
    }
  })
  for await (const { lookedUp } of readAhead(lookUp(readAhead(readBatches(events)), diff))) {
    const sent = await diff.toSend(lookedUp, nowMicros())
    if (sent.length > 0) throw new Error(`${sent.length} records were taken for new`)
  }
  return ledger.figures.skipped
}

/** A run that is over: what it has seen may stay, and no other is in its way. */
const newRun = async (db: Db, { id }: Pick<SourceRow, 'id'>): Promise<string> => {
  const [run] = await db.sql.$queryRaw<{ id: string }[]>`
    INSERT INTO feed_runs (source_id, trigger, state, lease_token, lease_until)
    VALUES (${id}, 'manual', 'done', 'bench', now()) RETURNING id::text AS id`
  if (run === undefined) throw new Error('no run was made')
  return run.id
}
