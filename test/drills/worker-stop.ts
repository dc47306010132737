import { setTimeout as sleep } from 'node:timers/promises'
import { runDrills } from './_drill.ts'
import { drillOf, type Scene, type WorkerFault } from './_worker-fault.ts'
import { waitFor } from '../support/process.ts'
import { flat, heldBy } from '../support/workshop.ts'

/** Workers that end under load, one after another (research: faults 14, 23, 27). */

const HASTY = { what: 'messages are acknowledged before they are applied', preload: 'ackEarly' } as const
const ABRUPT = { what: 'workers exit at once', preload: 'exitAtOnce' } as const
const EXIT_WITHIN_MS = 30_000
/** Of the feed's lane: two batches of 100 under way and one in waiting (`lane.ts`). */
const HANDFUL = 300
const CHUNK = 1_000
const ROUNDS = 3

/** Ends each worker in turn and puts another in its place; every one had something in hand. */
const replaceAll = async (
  { workers, startWorker, load }: Scene,
  end: (worker: Scene['workers'][number]) => Promise<void>
): Promise<void> => {
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const worker of workers.slice(-3)) {
      await load.reached(load.confirmed.length + 100)
      await end(worker)
      await startWorker()
    }
  }
}

interface Ending {
  code: number | null
  tookMs: number
}

const stop = async (worker: Scene['workers'][number]): Promise<Ending> => {
  const startedAt = performance.now()
  worker.signal('SIGTERM')
  const { code } = await worker.exit
  return { code, tookMs: performance.now() - startedAt }
}

/** All exited in time and with everything in hand finished. */
const inOrder = ({ drill, said }: Scene, ends: readonly Ending[]): void => {
  const slowest = Math.max(...ends.map(({ tookMs }) => tookMs))
  const good = ends.filter(({ code }) => code === 0).length
  drill.held(
    'each exits with 0 within 30 s',
    good === ends.length && slowest <= EXIT_WITHIN_MS,
    `${good} of ${ends.length}, the slowest after ${(slowest / 1000).toFixed(1)} s`
  )
  const returned = said('lanes drained').map((line) => Number(line['returned']))
  const sum = returned.reduce((total, count) => total + count, 0)
  drill.held(
    'each finished what it had in hand',
    returned.length === ends.length && sum === 0,
    `${returned.length} of ${ends.length} drained, ${sum} deliveries given back`
  )
}

const full = async (scene: Scene): Promise<void> => {
  const { drill, shop, workers, startWorker, send, count, said, bit } = scene
  const records = drill.setting('records')
  let inHand = 0
  // Nothing of the feed can be written meanwhile, so the hands fill.
  await shop.database.db.transaction(async (tx) => {
    await tx.$executeRawUnsafe('LOCK TABLE feed_records')
    for (let at = 0; at < records; at += CHUNK) {
      const some = Array.from({ length: CHUNK }, (_, index) => flat(`full${at + index}`))
      await send(some.map((record, index) => shop.feed(1, at + index, record, 10)))
    }
    inHand = await waitFor('the hands to be full', async () => {
      const held = await Promise.all(workers.map(heldBy))
      return held.every((one) => one >= HANDFUL) && held.reduce((sum, one) => sum + one, 0)
    })
  })
  const ends = await Promise.all(workers.slice().map(stop))
  const waiting = await shop.broker.count(shop.broker.topology.queues.feed)
  bit(`SIGTERM to ${ends.length} workers with ${inHand} in hand, ${waiting} records waited`, waiting > 0)
  const before = said('delivered again').length
  await Promise.all(ends.map(startWorker))
  const applied = (): Promise<number> => count(`FROM offers WHERE external_id LIKE 'full%' AND revision = 1`)
  const isDone = async (): Promise<boolean> => (await applied()) === records
  await waitFor('the rest', isDone, { timeoutMs: 120_000, everyMs: 200 }).catch(() => undefined)
  const again = said('delivered again').length - before
  drill.say(`${again} deliveries came again`)
  inOrder(scene, ends)
  drill.held(`all ${records} are applied, once`, (await applied()) === records, await applied())
}

const faults: readonly WorkerFault[] = [
  {
    name: 'rolling',
    about: 'three workers are replaced one by one with SIGTERM, three times over',
    sabotage: ABRUPT,
    workers: 3,
    inject: async (scene) => {
      const ends: Ending[] = []
      await replaceAll(scene, async (worker) => void ends.push(await stop(worker)))
      scene.bit(`SIGTERM to ${ends.length} workers under load`, ends.length === 3 * ROUNDS)
      inOrder(scene, ends)
    }
  },
  {
    name: 'full',
    about: 'two workers are stopped with their hands full, while 10,000 records wait',
    sabotage: ABRUPT,
    settings: { records: 10_000 },
    inject: full
  },
  {
    name: 'kill',
    about: 'three workers are killed one by one with SIGKILL, three times over',
    sabotage: HASTY,
    workers: 3,
    rate: 400,
    inject: async (scene) => {
      let killed = 0
      await replaceAll(scene, async (worker) => {
        worker.signal('SIGKILL')
        const { signal } = await worker.exit
        if (signal === 'SIGKILL') killed += 1
      })
      await sleep(500)
      const again = scene.said('delivered again').length
      scene.bit(
        `SIGKILL to ${killed} workers, ${again} deliveries came again`,
        killed === 3 * ROUNDS && again > 0
      )
    }
  }
]

await runDrills(
  { name: 'worker-stop', about: 'workers that are stopped and killed under load, one after another' },
  faults.map((fault) => drillOf('worker-stop', fault))
)
