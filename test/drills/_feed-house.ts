import { createWriteStream } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createDemoOffers, toKyero, type DemoOffer } from '@sluice/examples/costa-demo'
import { createDb, type Db } from '@sluice/prisma/client'
import { migrate } from '@sluice/prisma/migrate'
import { findRun, type FeedRunRow } from '@sluice/prisma/tables/feed-runs'
import { createSource, requestRun, type SourceRow } from '@sluice/prisma/tables/sources'
import { createVendor } from '@sluice/prisma/tables/vendors'
import { applyTopology } from '@sluice/shared/broker'
import type { OfferContent } from '@sluice/shared/offer'
import { findFormat } from '@sluice/shared/formats'
import { createLogger } from '@sluice/shared/log'
import { hashOf, parseRecord, readRecords } from '@sluice/shared/records'
import { createTopology } from '@sluice/shared/topology'
import { createHouse, type House } from '../support/house.ts'
import { startPrivateServices, type PrivateServices } from '../support/private-services.ts'
import { waitFor } from '../support/process.ts'
import type { Running } from './_drill.ts'

export const VENDOR = 'costa'
export const FEED = 'costa-feed'
export const TIME_ZONE = 'Europe/Madrid'

/** A whole house on private services, with one Kyero feed. */
export interface FeedHouse extends PrivateServices {
  house: House
  db: Db
  source: SourceRow
  feedFile: string
  /** Writes `count` offers in `places` towns into the feed; `change` may alter each. */
  writeFeed: (
    count: number,
    places: number,
    change?: (offer: DemoOffer, index: number) => DemoOffer
  ) => Promise<void>
  /** Asks for a run and resolves to its id once the scheduler has started it. */
  startRun: () => Promise<string>
  run: (id: string) => Promise<FeedRunRow>
  /** Waits until the run has ended, however it did. */
  endOf: (id: string, timeoutMs: number) => Promise<FeedRunRow>
}

export const createFeedHouse = async (
  drill: Pick<Running, 'cleanup'>,
  env: Record<string, string> = {}
): Promise<FeedHouse> => {
  const { rabbit, postgres, redis } = await startPrivateServices(drill.cleanup, {
    postgres: { shared_preload_libraries: 'pg_stat_statements', fsync: 'off' }
  })
  const folder = await mkdtemp(join(tmpdir(), 'sluice-feed-'))
  drill.cleanup(() => rm(folder, { recursive: true }))
  const databaseUrl = postgres.url.replace(/\/postgres$/, '/house')
  await migrate({ url: databaseUrl })
  const topology = createTopology()
  await applyTopology({ url: rabbit.url, topology, log: createLogger({ service: 'drill', level: 'silent' }) })
  const db = createDb({ url: databaseUrl, poolSize: 2, applicationName: 'drill' })
  drill.cleanup(() => db.close())
  await db.sql.$executeRaw`CREATE EXTENSION pg_stat_statements`

  const feedFile = join(folder, 'kyero.xml')
  const vendor = await createVendor(db.sql, { slug: VENDOR, name: 'Costa' })
  if (vendor === undefined) throw new Error('the database is not fresh')
  const source = await createSource(db.sql, {
    vendorId: vendor.id,
    slug: FEED,
    kind: 'feed',
    format: 'kyero',
    timeZone: TIME_ZONE,
    address: feedFile
  })
  if (source === undefined) throw new Error('the database is not fresh')
  const house = await createHouse({
    databaseUrl,
    rabbitUrl: rabbit.url,
    redisUrl: redis.url,
    namespace: topology.namespace,
    env
  })
  drill.cleanup(() => house.stop())

  const run = async (id: string): Promise<FeedRunRow> => {
    const row = await findRun(db.sql, id)
    if (row === undefined) throw new Error(`run ${id} is gone`)
    return row
  }
  return {
    house,
    db,
    source,
    feedFile,
    rabbit,
    postgres,
    redis,
    writeFeed: (count, places, change = (offer) => offer) => {
      const offers = createDemoOffers(count).map((offer, index) =>
        change(inPlace(offer, index % places), index)
      )
      return pipeline(Readable.from(toKyero(offers)), createWriteStream(feedFile))
    },
    startRun: async () => {
      const before = await newestRun(db)
      await requestRun(db.sql, source.id)
      return waitFor('the scheduler to start the run', async () => {
        const newest = await newestRun(db)
        return newest !== before && newest
      })
    },
    run,
    endOf: (id, timeoutMs) =>
      waitFor(
        `run ${id} to end`,
        async () => {
          const row = await run(id)
          return row.state !== 'reading' && row.state !== 'settling' && row
        },
        { timeoutMs, everyMs: 200 }
      )
  }
}

const newestRun = async (db: Db): Promise<string | undefined> => {
  const [row] = await db.sql.$queryRaw<
    { id: string }[]
  >`SELECT id::text AS id FROM feed_runs ORDER BY feed_runs.id DESC LIMIT 1`
  return row?.id
}

/** The place alone decides the location, so `places` different towns are `places` locations. */
const inPlace = (offer: DemoOffer, place: number): DemoOffer => ({
  ...offer,
  town: `Villa ${place + 1}`,
  province: 'Alicante'
})

/** What a file says of an offer. */
export interface Said {
  recordHash: string
  content: OfferContent
}

/** What the offers of a Kyero file must end as, worked out without broker and database. */
export const saidIn = async (file: Buffer): Promise<Map<string, Said>> => {
  const format = findFormat('kyero')
  const selector = format?.feed?.records
  if (format === undefined || selector === undefined) throw new Error('the format kyero has no feed')
  const offers = new Map<string, Said>()
  for await (const piece of readRecords(Readable.from([file]), selector)) {
    if (piece.kind !== 'record') continue
    const record = parseRecord(piece, selector).value as { id: string }
    const change = format.toChange(record, { timeZone: TIME_ZONE })
    if (change.kind !== 'upsert') throw new Error('a Kyero record is an upsert')
    offers.set(record.id, {
      recordHash: hashOf(piece),
      content: { ...change.units, presence: { state: 'active' } }
    })
  }
  return offers
}

/** The contents of all offers as they are in Postgres, by external id. */
export const storedOffers = async (
  db: Db
): Promise<Map<string, { content: OfferContent; revision: number; state: string }>> => {
  const rows = await db.sql.$queryRaw<
    { id: string; content: OfferContent; revision: number; state: string }[]
  >`
    SELECT external_id AS id, content, revision, state FROM offers`
  return new Map(rows.map(({ id, ...offer }) => [id, offer]))
}
