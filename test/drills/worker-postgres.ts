import { setTimeout as sleep } from 'node:timers/promises'
import { runDrills } from './_drill.ts'
import { drillOf, type Scene, type WorkerFault } from './_worker-fault.ts'
import { waitFor } from '../support/process.ts'
import { flat, healthOf } from '../support/workshop.ts'

/** Everything Postgres can do to workers while they work (research: faults 16, 18, 28). */

const IMPATIENT = { what: 'an outage of Postgres costs an attempt', preload: 'noHold' } as const
const RESUMED_WITHIN_MS = 10_000
/** So that what has gathered meanwhile is not a fight for the same few. */
const MANY = 1_500
/** A statement nobody answers is given up after 32 s (`prisma/src/client.ts`). */
const SILENT_S = 35

/** Only what was made to stumble on purpose has climbed, once. */
const nothingClimbed = async ({ drill, count, said }: Scene): Promise<void> => {
  const climbed = said('message failed, sent up the ladder').filter(({ code }) =>
    String(code).startsWith('DB_')
  )
  drill.held('no record took the ladder because of Postgres', climbed.length === 0, climbed.length)
  const dead = await count('FROM dead_letters')
  drill.held('nothing is dead', dead === 0, dead)
}

const deliveredAgain = ({ drill, said }: Scene): void => {
  const counts = said('delivered again').map(({ deliveryCount }) => Number(deliveryCount))
  const most = Math.max(0, ...counts)
  drill.held(
    'delivery counts grew by at most one',
    most <= 1,
    `${counts.length} delivered again, at most ${most} times`
  )
}

/** Postgres is away for `seconds` under load, in whatever way. */
const outage = async (
  scene: Scene,
  how: string,
  { begin, end }: { begin: () => Promise<void>; end: () => Promise<void> }
): Promise<void> => {
  const { drill, load, said, bit } = scene
  const seconds = drill.setting('seconds')
  await begin()
  const before = load.confirmed.length
  await sleep(seconds * 1_000)
  const held = said('dependency is away, holding deliveries').length
  await end()
  const backAt = performance.now()
  const grown = load.confirmed.length - before
  bit(`${how} for ${seconds} s while ${grown} records were accepted`, grown > 0)
  if (!drill.isSabotaged) {
    drill.held('every worker held, once', held === scene.workers.length, held)
    const isBack = (): boolean => said('dependency is back, going on').length >= scene.workers.length
    await waitFor('the workers to go on', isBack, { everyMs: 20 }).catch(() => undefined)
    const tookMs = Math.round(performance.now() - backAt)
    drill.held('all went on within 10 s', isBack() && tookMs <= RESUMED_WITHIN_MS, `${tookMs} ms`)
  }
  await nothingClimbed(scene)
  deliveredAgain(scene)
}

const TWENTY = 20

/** What fails for everybody is nobody's fault: the workers stand still, say so, and go on. */
const killSwitch = async (scene: Scene): Promise<void> => {
  const { drill, shop, workers, send, count, said, bit } = scene
  const { sql } = shop.database.db
  const created = (): Promise<number> =>
    count(`FROM deliveries WHERE message_id LIKE 'twenty-%' AND outcome = 'created'`)
  const answers = (path: string): Promise<number[]> =>
    Promise.all(workers.map((worker) => healthOf(worker, path)))
  await sql.$executeRawUnsafe('ALTER TABLE offers RENAME TO offers_away')
  const ids = Array.from({ length: TWENTY }, (_, index) => `twenty-${index}`)
  await send(ids.map((id) => shop.hook(`${id}.0`, flat(id), 10)))
  if (!drill.isSabotaged) {
    await waitFor('every worker to be degraded', async () =>
      (await answers('/readyz')).every((status) => status === 503)
    )
    const alive = (await answers('/livez')).filter((status) => status === 200).length
    drill.held('every worker is not ready, and alive', alive === workers.length, alive)
  }
  await sleep(3_000)
  const before = await created()
  await sql.$executeRawUnsafe('ALTER TABLE offers_away RENAME TO offers')
  const held = said('dependency is away, holding deliveries').length
  bit(
    `without the table ${before} of ${TWENTY} were applied`,
    drill.isSabotaged || (before === 0 && held > 0)
  )
  await waitFor('all of them', async () => (await created()) === TWENTY).catch(() => undefined)
  const succeeded = await created()
  drill.held(`all ${TWENTY} succeed`, succeeded === TWENTY, succeeded)
  const isReady = async (): Promise<boolean> => (await answers('/readyz')).every((status) => status === 200)
  const ready = await waitFor('every worker to be ready', isReady).catch(() => false)
  drill.held('every worker is ready again', ready, String(ready))
  await nothingClimbed(scene)
}

const faults: readonly WorkerFault[] = [
  {
    name: 'away',
    about: 'Postgres is stopped under load for a minute, and started again',
    sabotage: IMPATIENT,
    offers: MANY,
    settings: { seconds: 60 },
    inject: (scene) =>
      outage(scene, 'stopped', {
        begin: () => scene.postgres.stop('immediate'),
        end: () => scene.postgres.start()
      })
  },
  {
    name: 'frozen',
    about: 'Postgres and all its sessions are frozen under load for a minute: nothing answers, nothing fails',
    sabotage: IMPATIENT,
    offers: MANY,
    settings: { seconds: 60 },
    inject: async (scene) => {
      const { drill, postgres } = scene
      if (drill.setting('seconds') <= SILENT_S) throw new Error(`freeze it for more than ${SILENT_S} s`)
      drill.cleanup(() => postgres.thaw().catch(() => undefined)) // it may have been stopped before
      await outage(scene, 'frozen', { begin: postgres.freeze, end: postgres.thaw })
    }
  },
  {
    name: 'terminate',
    about: 'somebody terminates the sessions of the workers, five times a second for 10 s',
    sabotage: IMPATIENT,
    inject: async (scene) => {
      let terminated = 0
      for (let time = 0; time < 50; time += 1) {
        terminated += await scene.count(
          `FROM (SELECT pg_terminate_backend(pid) FROM pg_stat_activity
           WHERE datname = current_database() AND application_name LIKE 'sluice-worker%') AS gone`
        )
        await sleep(200)
      }
      scene.bit(`${terminated} sessions terminated`, terminated > 0)
      await nothingClimbed(scene)
    }
  },
  {
    name: 'kill-switch',
    about: 'a table is taken away under twenty webhooks, and put back',
    sabotage: IMPATIENT,
    inject: killSwitch
  },
  {
    name: 'deadlock',
    about: 'four workers write the same few offers, all at once',
    sabotage: { what: 'rows are locked in whatever order', preload: 'noLockOrder' },
    workers: 4,
    rate: 400,
    offers: 40,
    inject: async (scene) => {
      await scene.load.reached(3_000)
      const [row] = await scene.shop.query<{ deadlocks: number }>(
        `SELECT deadlocks::int AS deadlocks FROM pg_stat_database WHERE datname = current_database()`
      )
      const meetings = await scene.count('FROM offers WHERE row_version > 10')
      scene.bit(
        `${meetings} offers were written more than ten times each by four workers`,
        scene.drill.isSabotaged || meetings > 20
      )
      scene.drill.held('Postgres saw no deadlock', row?.deadlocks === 0, row?.deadlocks ?? 'unknown')
    }
  }
]

await runDrills(
  { name: 'worker-postgres', about: 'workers under load while Postgres goes away, terminates and locks' },
  faults.map((fault) => drillOf('worker-postgres', fault))
)
