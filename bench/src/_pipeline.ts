import pg from 'pg'
import { createDb, type Db } from '@sluice/prisma/client'
import { migrate } from '@sluice/prisma/migrate'
import { createVendor } from '@sluice/prisma/tables/vendors'
import type { Running as Process } from '../../test/support/process.ts'

/** A way from the file of a feed to rows, in a database of its own that is empty at first. */
export interface Pipeline {
  db: Db
  /** Takes the file in, with processes that start anew, and resolves when all it says is committed. */
  pass: () => Promise<Pass>
  close: () => Promise<void>
}

export interface Pass {
  /** From asking for it to the last commit; starting the processes is not counted. */
  ms: number
  /** Of the process that reads the file. */
  peakMb: number
}

/** The services are the bench's own: nobody tidies up in them. */
export interface PipelineOptions {
  /** Where the feed is; of the same `offers` each time. */
  file: string
  offers: number
  postgresUrl: string
  rabbitUrl: string
  redisUrl: string
  /** One line of progress. */
  note: (progress: string) => void
}

export const PASS_TIMEOUT_MS = 3_600_000
/** For processes that have just started to have nothing more to do. */
export const SETTLE_MS = 500

export interface Tables {
  db: Db
  url: string
  vendorId: number
}

let databases = 0

/** A migrated database with a vendor and nothing else. */
export const createTables = async (postgresUrl: string): Promise<Tables> => {
  const url = postgresUrl.replace(/\/postgres$/, `/bench_${++databases}`)
  await migrate({ url })
  const db = createDb({ url, poolSize: 2, applicationName: 'bench' })
  const vendor = await createVendor(db.sql, { slug: 'bench', name: 'Bench' })
  if (vendor === undefined) throw new Error('the database is not empty')
  return { db, url, vendorId: vendor.id }
}

/** Between two passes over a feed lie hours, in which autovacuum and the checkpointer do the same. */
export const tidy = async (url: string): Promise<void> => {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  await client.query('VACUUM ANALYZE')
  await client.query('CHECKPOINT')
  await client.end()
}

/** Waits no longer for what a process does once that has ended. */
export const orEnded = <T>(process: Process, waiting: Promise<T>): Promise<T> =>
  Promise.race([
    waiting,
    process.exit.then(({ code, signal }) => {
      throw new Error(`it ended with ${code ?? signal}:\n${process.output()}`)
    })
  ])

const NOTE_EVERY_MS = 20_000

/** Progress of one pass, now and then. */
export const sometimes = (note: (progress: string) => void): ((progress: string) => void) => {
  let notedAt = performance.now()
  return (progress) => {
    if (performance.now() - notedAt < NOTE_EVERY_MS) return
    notedAt = performance.now()
    note(progress)
  }
}
