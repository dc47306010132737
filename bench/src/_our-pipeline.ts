import { setTimeout as sleep } from 'node:timers/promises'
import type { Db } from '@sluice/prisma/client'
import { listRuns, type FeedRunRow } from '@sluice/prisma/tables/feed-runs'
import { streamPosition } from '@sluice/prisma/tables/offer-stream'
import { createSource, requestRun } from '@sluice/prisma/tables/sources'
import { createTestBroker } from '../../test/support/broker.ts'
import { createHouse } from '../../test/support/house.ts'
import { waitFor } from '../../test/support/process.ts'
import { peakMb } from './_memory.ts'
import {
  createTables,
  orEnded,
  PASS_TIMEOUT_MS,
  SETTLE_MS,
  sometimes,
  tidy,
  type Pipeline,
  type PipelineOptions
} from './_pipeline.ts'

/** As many as the compose file starts. */
const WORKERS = 2

/** A scheduler and two workers, as the image starts them and with the settings they have unless told. */
export const createOurs = async ({
  file,
  postgresUrl,
  rabbitUrl,
  redisUrl,
  note
}: PipelineOptions): Promise<Pipeline> => {
  const { db, url, vendorId } = await createTables(postgresUrl)
  const { namespace } = await createTestBroker(rabbitUrl)
  const source = await createSource(db.sql, {
    vendorId,
    slug: 'bench-feed',
    kind: 'feed',
    format: 'kyero',
    timeZone: 'UTC',
    address: file
  })
  if (source === undefined) throw new Error('the database is not empty')
  const house = await createHouse({ databaseUrl: url, rabbitUrl, redisUrl, namespace })

  const newestRun = async (): Promise<FeedRunRow | undefined> => (await listRuns(db.sql, { limit: 1 }))[0]

  /** Resolves when a run has ended that came after `last`. */
  const untilEnded = (last: FeedRunRow | undefined): Promise<FeedRunRow> => {
    const tell = sometimes(note)
    return waitFor(
      'the run to end',
      async () => {
        const run = await newestRun()
        if (run === undefined || run.id === last?.id) return false
        tell(`${run.state}, ${run.recordsSeen} records read, ${run.published} published`)
        return run.finishedAt !== undefined && run
      },
      { timeoutMs: PASS_TIMEOUT_MS }
    )
  }

  return {
    db,
    pass: async () => {
      const [scheduler, ...workers] = await Promise.all([
        house.startScheduler(),
        ...Array.from({ length: WORKERS }, () => house.startWorker())
      ])
      await sleep(SETTLE_MS)
      const last = await newestRun()
      const askedAt = performance.now()
      await requestRun(db.sql, source.id)
      const run = await orEnded(scheduler, untilEnded(last))
      const ms = performance.now() - askedAt
      if (run.state !== 'done') throw new Error(`the run has ${run.state}: ${run.errorMessage}`)
      const peak = await peakMb(scheduler.pid)
      await waitFor('the stream out to be published', () => isPublished(db), { timeoutMs: PASS_TIMEOUT_MS })
      await Promise.all([scheduler, ...workers].map((service) => service.stop()))
      await tidy(url)
      return { ms, peakMb: peak }
    },
    close: async () => {
      await house.stop()
      await db.close()
    }
  }
}

/** It is no part of a pass, but may not be left over for the next one, which is not ours. */
const isPublished = async ({ sql }: Db): Promise<boolean> => {
  const { lastSeq, publishedSeq, hasUnnumbered } = await streamPosition(sql)
  return !hasUnnumbered && lastSeq === publishedSeq
}
