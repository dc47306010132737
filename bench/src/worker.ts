import { setTimeout as sleep } from 'node:timers/promises'
import { NODE_OPTIONS } from '../../test/support/house.ts'
import { run, type Running as Process } from '../../test/support/process.ts'
import { createWorkshop } from '../../test/support/workshop.ts'
import { BODY_BYTES, publishBacklog, untilDrained } from './_backlog.ts'
import { runBench, type Running } from './_bench.ts'

/** Whoever drains the queue, as processes of its own. */
interface Contender {
  name: string
  /** How many of the records it gets: its rate is compared, and nobody waits minutes for the slow ones. */
  share: number
  start: () => Promise<Process[]>
}

const OBVIOUS = 'one upsert a message (1/25 of the records)'
const CONCURRENT = 'one upsert a message, 50 at once (1/10)'
const OURS = 'ours'
const FOUR = 'ours, four replicas'
const CEILING = 'bare amqplib + pg batches'

/** For the broker and Postgres to be done with what the round before told them. */
const SETTLE_MS = 500
const DRAIN_TIMEOUT_MS = 300_000

const measure = async ({
  sizes,
  note,
  sample,
  goal,
  cleanup
}: Running<'records' | 'rounds'>): Promise<void> => {
  const shop = await createWorkshop()
  cleanup(() => shop.remove())
  const { feed } = shop.broker.topology.queues
  const bare = (mode: string) => (): Promise<Process[]> => {
    const args = ['bench/src/_bare-worker.ts', mode, shop.broker.url, feed, shop.database.url]
    const started = run(process.execPath, args, { env: { NODE_OPTIONS } })
    cleanup(() => started.stop())
    return Promise.resolve([started])
  }
  const ours = (replicas: number) => (): Promise<Process[]> =>
    Promise.all(Array.from({ length: replicas }, () => shop.startProcess()))
  const contenders: readonly Contender[] = [
    { name: OBVIOUS, share: 1 / 25, start: bare('upsert') },
    { name: CONCURRENT, share: 1 / 10, start: bare('concurrent') },
    { name: OURS, share: 1, start: ours(1) },
    { name: CEILING, share: 1, start: bare('batch') },
    { name: FOUR, share: 1, start: ours(4) }
  ]

  /** A full queue and an empty database, then the workers; records a second by the database's clock. */
  const roundOf = async ({ share, start }: Contender, round: number): Promise<number> => {
    const records = Math.max(100, Math.round(sizes.records * share))
    const prefix = `r${round}`
    await shop.query(
      'TRUNCATE offers, offer_commits, offer_changes, first_contents, feed_records, deliveries, rejections'
    )
    await publishBacklog(shop, prefix, records)
    await sleep(SETTLE_MS)
    const processes = await start()
    const drained = await untilDrained(shop, prefix, { records, timeoutMs: DRAIN_TIMEOUT_MS })
    await Promise.all(processes.map((process) => process.stop()))
    return drained.perSecond
  }

  note(`${sizes.records} new offers, ${BODY_BYTES} bytes each on average; every worker starts anew, and cold`)
  for (let round = 1; round <= sizes.rounds; round++) {
    // There and back: what a round leaves behind is not always in the same one's way.
    for (const contender of round % 2 === 1 ? contenders : contenders.toReversed()) {
      sample(contender.name, 'records/s', await roundOf(contender, round))
    }
    note(`round ${round} of ${sizes.rounds}`)
  }
  goal(OURS, CEILING, 'records/s', 0.5)
  goal(OURS, OBVIOUS, 'records/s', 10)
  goal(OURS, CONCURRENT, 'records/s', 3)
  goal(FOUR, OURS, 'records/s', 0.8)
}

await runBench({
  name: 'worker',
  about: 'a queue of feed records drained into Postgres: the worker with all it promises, and without',
  sizes: {
    records: { about: 'records a round', fallback: 50_000, min: 1_000, max: 1_000_000 },
    rounds: { about: 'how often each drains it', fallback: 5, min: 1, max: 20 }
  },
  run: measure
})
