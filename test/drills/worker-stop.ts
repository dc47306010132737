import { setTimeout as sleep } from 'node:timers/promises'
import { runDrills } from './_drill.ts'
import { drillOf, type Scene, type WorkerFault } from './_worker-fault.ts'

/** Workers that end under load, one after another (research: faults 14, 23, 27). */

const HASTY = { what: 'messages are acknowledged before they are applied', preload: 'ackEarly' } as const
const EXIT_WITHIN_MS = 30_000
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

const faults: readonly WorkerFault[] = [
  {
    name: 'rolling',
    about: 'three workers are replaced one by one with SIGTERM, three times over',
    sabotage: { what: 'workers exit at once', preload: 'exitAtOnce' },
    workers: 3,
    inject: async (scene) => {
      const ends: { code: number | null; tookMs: number }[] = []
      await replaceAll(scene, async (worker) => {
        const startedAt = performance.now()
        worker.signal('SIGTERM')
        const { code } = await worker.exit
        ends.push({ code, tookMs: performance.now() - startedAt })
      })
      scene.bit(`SIGTERM to ${ends.length} workers under load`, ends.length === 3 * ROUNDS)
      const slowest = Math.max(...ends.map(({ tookMs }) => tookMs))
      scene.drill.held(
        'each exits with 0 within 30 s',
        ends.every(({ code }) => code === 0) && slowest <= EXIT_WITHIN_MS,
        `${ends.filter(({ code }) => code === 0).length} of ${ends.length}, the slowest after ${(slowest / 1000).toFixed(1)} s`
      )
      const returned = scene.said('lanes drained').map((line) => Number(line['returned']))
      scene.drill.held(
        'nothing in hand is given back unfinished',
        returned.length === ends.length && returned.every((count) => count === 0),
        returned.join(' ')
      )
    }
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
