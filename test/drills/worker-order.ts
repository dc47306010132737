import { runDrills } from './_drill.ts'
import { drillOf, type WorkerFault } from './_worker-fault.ts'
import { waitFor } from '../support/process.ts'
import { flat } from '../support/workshop.ts'

/** Many workers, few offers, older facts after newer ones and everything again (research: faults 20, 21). */

const FLOOD = 2_000
const COPIES = 5

const faults: readonly WorkerFault[] = [
  {
    name: 'reorder',
    about: 'four workers apply what three sources say of 40 offers, older after newer, some of it five times',
    sabotage: { what: 'who writes an offer last wins', preload: 'noCompareAndSet' },
    workers: 4,
    rate: 800,
    offers: 40,
    settings: { messages: 10_000 },
    inject: async ({ load, shop, count, drill, bit }) => {
      await load.reached(drill.setting('messages'))
      const flood = load.confirmed.slice(0, 500)
      await shop.send(...flood, ...flood, ...flood, ...flood)
      const stale = await count(`FROM deliveries WHERE outcome = 'stale'`)
      bit(
        `${flood.length} messages sent four times more, ${stale} records came too late`,
        drill.isSabotaged || stale > 100
      )
    }
  },
  {
    name: 'flood',
    about: 'a sender repeats each of 2,000 webhooks five times, all at once, to four workers',
    sabotage: { what: 'what arrives later is newer', preload: 'decideByArrival' },
    workers: 4,
    inject: async ({ drill, shop, send, count, bit }) => {
      const once = Array.from({ length: FLOOD }, (_, index) =>
        shop.hook(`f${index}.0`, flat(`f${index}`), 10)
      )
      // Copies follow each other closely, so that workers have the same one in hand at the same time.
      await send(once.flatMap((message) => Array.from({ length: COPIES }, () => message)))
      const settled = (): Promise<number> =>
        count(`FROM deliveries WHERE message_id LIKE 'f%' AND outcome <> 'retried'`)
      const { webhook } = shop.broker.topology.queues
      const isOver = async (): Promise<boolean> =>
        (await settled()) === FLOOD && (await shop.broker.count(webhook)) === 0
      await waitFor('the flood to be over', isOver, { timeoutMs: 120_000 }).catch(() => undefined)
      bit(`${FLOOD} webhooks came ${COPIES} times each`, (await settled()) > 0)
      const [effects] = await shop.query<{ offers: number; writes: number; changes: number }>(
        `SELECT count(*)::int AS offers, coalesce(sum(row_version), 0)::int AS writes,
                (SELECT count(*)::int FROM offer_changes WHERE external_id LIKE 'f%') AS changes
         FROM offers WHERE external_id LIKE 'f%'`
      )
      const { offers = 0, writes = 0, changes = 0 } = effects ?? {}
      drill.held(
        'each was written once and told once',
        offers === FLOOD && writes === FLOOD && changes === FLOOD,
        `${offers} offers, ${writes} writes, ${changes} changes`
      )
    }
  },
  {
    name: 'arrival',
    about: 'the same, with a merge that is to be caught deciding by arrival',
    sabotage: { what: 'what arrives later is newer', preload: 'decideByArrival' },
    workers: 2,
    offers: 40,
    inject: async ({ load, count, bit }) => {
      await load.reached(1_000)
      const stale = await count(`FROM deliveries WHERE outcome IN ('stale', 'unchanged')`)
      bit(`${stale} messages came too late or again`, true)
    }
  }
]

await runDrills(
  { name: 'worker-order', about: 'workers that meet on the same offers, in whatever order things arrive' },
  faults.map((fault) => drillOf('worker-order', fault))
)
