import { setTimeout as sleep } from 'node:timers/promises'
import { percentile } from '../../test/support/load.ts'
import { waitFor } from '../../test/support/process.ts'
import { createWorkshop, flat } from '../../test/support/workshop.ts'
import { drainedOf, publishBacklog, untilDrained } from './_backlog.ts'
import { runBench, type Running } from './_bench.ts'
import { listenForCommits } from './_commits.ts'

/** Where webhooks go while the feed's backlog drains. */
interface Contender {
  name: string
  routingKey?: string
}

const SOLO = 'the feed alone'
const LANES = 'two lanes'
const SHARED = 'one shared queue'
const CONTENDERS: readonly Contender[] = [
  { name: SOLO },
  { name: LANES, routingKey: 'webhook.crm' },
  { name: SHARED, routingKey: 'feed.crm' }
]

/** For the broker and Postgres to be done with what the round before told them. */
const SETTLE_MS = 500
const DRAIN_TIMEOUT_MS = 300_000
const UNIT = {
  feed: 'feed records/s',
  p99: 'webhook p99 ms',
  p50: 'webhook p50 ms',
  count: 'webhooks'
} as const

const measure = async ({
  sizes,
  note,
  sample,
  goal,
  cleanup
}: Running<'records' | 'rounds' | 'hooks'>): Promise<void> => {
  const shop = await createWorkshop()
  cleanup(() => shop.remove())
  const commits = await listenForCommits(shop.database.url)
  cleanup(() => commits.close())

  /** Webhooks at a steady rate until `isOver`; what each waited from acceptance to commit, in milliseconds. */
  const send = async (routingKey: string, prefix: string, isOver: () => boolean): Promise<number[]> => {
    const acceptedAt = new Map<string, number>()
    for (let index = 0; !isOver(); index++) {
      const id = `${prefix}-hook-${index}`
      acceptedAt.set(id, performance.now())
      await shop.publisher.publish({ ...shop.hook(id, flat(id), index), routingKey }, { wait: true })
      await sleep(1_000 / sizes.hooks)
    }
    await waitFor(
      'every webhook to be committed',
      () => [...acceptedAt.keys()].every((id) => commits.at.has(id)),
      {
        timeoutMs: DRAIN_TIMEOUT_MS
      }
    )
    return [...acceptedAt].map(([id, at]) => (commits.at.get(id) ?? Number.NaN) - at)
  }

  const roundOf = async ({ name, routingKey }: Contender, round: number): Promise<void> => {
    const prefix = `r${round}-feed`
    await shop.query(
      'TRUNCATE offers, offer_commits, offer_changes, first_contents, feed_records, deliveries, rejections'
    )
    await publishBacklog(shop, prefix, sizes.records)
    await sleep(SETTLE_MS)
    const worker = await shop.startProcess()
    await waitFor('the first records', async () => (await drainedOf(shop, prefix)).offers > 0)
    let isDrained = false
    const sending =
      routingKey === undefined ? Promise.resolve([]) : send(routingKey, `${name} ${round}`, () => isDrained)
    const drained = untilDrained(shop, prefix, {
      records: sizes.records,
      timeoutMs: DRAIN_TIMEOUT_MS
    }).finally(() => (isDrained = true))
    const [{ perSecond }, waits] = await Promise.all([drained, sending])
    await worker.stop()
    sample(name, UNIT.feed, perSecond)
    if (waits.length === 0) return
    sample(name, UNIT.count, waits.length)
    sample(name, UNIT.p50, percentile(waits, 0.5))
    sample(name, UNIT.p99, percentile(waits, 0.99))
  }

  note(`a backlog of ${sizes.records} feed records, ${sizes.hooks} webhooks a second meanwhile`)
  for (let round = 1; round <= sizes.rounds; round++) {
    for (const contender of round % 2 === 1 ? CONTENDERS : CONTENDERS.toReversed()) {
      await roundOf(contender, round)
      note(`round ${round} of ${sizes.rounds}: ${contender.name}`)
    }
  }
  goal(SHARED, LANES, UNIT.p99, 10)
  goal(LANES, SOLO, UNIT.feed, 0.8)
}

await runBench({
  name: 'lanes',
  about: 'how long a webhook takes from acceptance to commit while the backlog of a feed drains',
  sizes: {
    records: { about: 'records of the backlog', fallback: 200_000, min: 1_000, max: 1_000_000 },
    rounds: { about: 'how often each is measured', fallback: 1, min: 1, max: 20 },
    hooks: { about: 'webhooks a second', fallback: 20, min: 1, max: 200 }
  },
  run: measure
})
