import { runDrills } from './_drill.ts'
import { drillOf, type WorkerFault } from './_worker-fault.ts'

/** Many workers, few offers, older facts after newer ones and everything again (research: faults 20, 21). */

const faults: readonly WorkerFault[] = [
  {
    name: 'reorder',
    about: 'four workers apply what three sources say of 40 offers, older after newer, some of it five times',
    sabotage: { what: 'who writes an offer last wins', preload: 'noCompareAndSet' },
    workers: 4,
    rate: 400,
    offers: 40,
    inject: async ({ load, shop, count, drill, bit }) => {
      await load.reached(2_000)
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
