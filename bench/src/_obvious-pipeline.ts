import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { createTestBroker } from '../../test/support/broker.ts'
import { NODE_OPTIONS } from '../../test/support/house.ts'
import { run, runToEnd, waitFor } from '../../test/support/process.ts'
import type { Published } from './_obvious-feed.ts'
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

/** For all objects of a file at once. */
const HEAP = '--max-old-space-size=6144'
const LAST_ROWS_TIMEOUT_MS = 60_000

/**
 * The whole file parsed, all of it published, one upsert a message, one after the other. It knows no difference, so it does all of that in
 * every pass.
 */
export const createObvious = async ({
  file,
  offers,
  postgresUrl,
  rabbitUrl,
  note
}: PipelineOptions): Promise<Pipeline> => {
  const { db, url } = await createTables(postgresUrl)
  const broker = await createTestBroker(rabbitUrl)
  const queue = await broker.addQueue('obvious', { 'x-queue-type': 'classic' }) // what one gets without asking
  let passes = 0

  const untilDrained = (): Promise<true> => {
    const tell = sometimes(note)
    return waitFor(
      'the queue to be empty',
      async () => {
        const left = await broker.count(queue)
        tell(`${left} messages left`)
        return left === 0
      },
      { timeoutMs: PASS_TIMEOUT_MS, everyMs: 250 }
    )
  }
  const untilWritten = (pass: string): Promise<true> =>
    waitFor(
      'the last rows',
      async () => (await db.sql.offer.count({ where: { baseStamp: pass } })) === offers,
      { timeoutMs: LAST_ROWS_TIMEOUT_MS }
    )

  return {
    db,
    pass: async () => {
      const pass = String(++passes)
      const consumer = run(process.execPath, [programOf('_bare-worker'), 'upsert', rabbitUrl, queue, url], {
        env: { NODE_OPTIONS }
      })
      await waitFor('the consumer to start', async () => (await broker.consumers(queue)) === 1)
      await sleep(SETTLE_MS)
      const { startedAt, peakMb } = JSON.parse(
        await runToEnd(process.execPath, [HEAP, programOf('_obvious-feed'), file, rabbitUrl, queue, pass])
      ) as Published
      await orEnded(consumer, untilDrained())
      // Only now, when hardly a row can be missing: counting them costs the one who is measured.
      await orEnded(consumer, untilWritten(pass))
      const ms = Date.now() - startedAt
      await consumer.stop()
      await tidy(url)
      return { ms, peakMb }
    },
    close: () => db.close()
  }
}

const programOf = (name: string): string => join(import.meta.dirname, `${name}.ts`)
