import { connect, type Channel, type ConsumeMessage } from 'amqplib'
import pg from 'pg'
import { findFormat, toSoundChange } from '@sluice/shared/formats'
import { createDb, type Db } from '@sluice/prisma/client'

/**
 * The baselines of `pnpm bench worker` and the consumer of the obvious pipeline of `pnpm bench e2e`, as a process:
 * `<mode> <amqp url> <queue> <database url>`. Same mapping, same table; nothing is compared, told, kept in books or
 * tried again.
 */
const [mode, amqpUrl = '', queue = '', databaseUrl = ''] = process.argv.slice(2)
const CONCURRENT = 50
const BATCH = { size: 250, lingerMs: 20, atOnce: 2 }
const VENDOR_ID = 1
const STAMP = '0'

interface Row {
  vendorId: number
  externalId: string
  content: object
  /** Which pass over the feed wrote it last: all that shows of one that changes nothing. */
  baseStamp: string
}

const toRow = (message: ConsumeMessage): Row => {
  const headers = message.properties.headers ?? {}
  const format = findFormat(String(headers['format']))
  if (format === undefined) throw new Error('no such format')
  const change = toSoundChange(format, JSON.parse(message.content.toString()), { timeZone: 'UTC' })
  if (change.kind !== 'upsert') throw new Error('not an upsert')
  return {
    vendorId: VENDOR_ID,
    externalId: String(headers['external-id']),
    content: change.units,
    baseStamp: String(headers['pass'] ?? STAMP)
  }
}

/** One message, one upsert, one acknowledgement. */
const upsertEach = async (channel: Channel, db: Db, prefetch: number): Promise<void> => {
  const upsert = async (message: ConsumeMessage): Promise<void> => {
    const { content, baseStamp, ...key } = toRow(message)
    const row = {
      state: 'active',
      content,
      baseStamp,
      unitStamps: {},
      sourceStamps: {},
      rowVersion: 1,
      revision: 1
    }
    await db.sql.offer.upsert({
      where: { vendorId_externalId: key },
      create: { ...key, ...row },
      update: row
    })
    channel.ack(message)
  }
  await channel.prefetch(prefetch)
  await channel.consume(queue, (message) => void (message !== null && upsert(message)))
}

/** As many rows in a statement as our feed lane takes, as many statements at once. */
const insertBatches = async (channel: Channel, pool: pg.Pool): Promise<void> => {
  const waiting: ConsumeMessage[] = []
  let running = 0
  let timer: NodeJS.Timeout | undefined
  const write = async (messages: readonly ConsumeMessage[]): Promise<void> => {
    await pool.query(
      `INSERT INTO offers (
         vendor_id, external_id, state, content, base_stamp, unit_stamps, source_stamps, row_version, revision
       )
       SELECT "vendorId", "externalId", 'active', content, '0', '{}', '{}', 1, 1
       FROM jsonb_to_recordset($1::jsonb) AS r("vendorId" int, "externalId" text, content jsonb)
       ON CONFLICT (vendor_id, external_id) DO UPDATE SET content = EXCLUDED.content`,
      [JSON.stringify(messages.map(toRow))]
    )
    for (const message of messages) channel.ack(message)
  }
  const launch = (least: number): void => {
    while (running < BATCH.atOnce && waiting.length >= least) {
      running += 1
      void write(waiting.splice(0, BATCH.size)).finally(() => {
        running -= 1
        launch(BATCH.size)
      })
    }
    if (waiting.length > 0) {
      timer ??= setTimeout(() => {
        timer = undefined
        launch(1)
      }, BATCH.lingerMs)
    }
  }
  await channel.prefetch(BATCH.size * (BATCH.atOnce + 1))
  await channel.consume(queue, (message) => {
    if (message === null) return
    waiting.push(message)
    launch(BATCH.size)
  })
}

const connection = await connect(amqpUrl, { noDelay: true })
const channel = await connection.createChannel()
process.once('SIGTERM', () => void connection.close().then(() => process.exit(0)))
if (mode === 'batch') {
  await insertBatches(channel, new pg.Pool({ connectionString: databaseUrl, max: BATCH.atOnce }))
} else {
  const atOnce = mode === 'concurrent' ? CONCURRENT : 1
  const poolSize = Math.min(atOnce, 10) // Prisma's own default is smaller still on two cores
  const db = createDb({ url: databaseUrl, poolSize, applicationName: 'bench' })
  await upsertEach(channel, db, atOnce)
}
