import { setTimeout as sleep } from 'node:timers/promises'
import type { Chance } from '@sluice/examples/costa-demo'
import { waitFor, type Running as Process } from '../support/process.ts'
import { heldBy } from '../support/workshop.ts'
import { startStopwatch } from './_stopwatch.ts'
import type { Scene } from './_worker-fault.ts'

/** What a soak does to workers, over and over. Each waits for the proof that it bit, however long the machine takes. */
export interface SoakFault {
  name: string
  strike: (scene: Scene, chance: Chance) => Promise<void>
}

/** These live through it all; who comes after them is replaced. */
export const RESIDENTS = 2
export const LIVING = RESIDENTS + 1
/** For anything that must happen sooner or later. */
export const PATIENCE_MS = 180_000
const PATIENTLY = { timeoutMs: PATIENCE_MS, everyMs: 250 } as const

export const residents = ({ workers }: Scene): Process[] => workers.slice(0, RESIDENTS)
const living = (scene: Scene): Process[] => [...residents(scene), ...scene.workers.slice(-1)]

const LOST = 'broker connection lost'
/** One for publishing, one for consuming. */
const BOTH = 2

/** Listens from now on: whether the worker has said it so many times more. */
const hears = (worker: Process, message: string, times = 1): (() => boolean) => {
  const said = (): number => worker.lines().filter(({ msg }) => msg === message).length
  const before = said()
  return () => said() >= before + times
}

/** The same of several; what is returned waits until each of them has. */
const listen = (workers: readonly Process[], message: string, times = 1): (() => Promise<unknown>) => {
  const each = workers.map((worker) => hears(worker, message, times))
  const haveSaid = (): boolean => each.every((hasSaid) => hasSaid())
  return () => waitFor(`each of ${workers.length} workers to say "${message}"`, haveSaid, PATIENTLY)
}

const rabbitDies: SoakFault['strike'] = async (scene, chance) => {
  const { rabbit, load, bit } = scene
  const repeated = load.repeated
  const lost = listen(living(scene), LOST, BOTH)
  await rabbit.kill()
  await lost()
  await sleep(chance.between(0, 5_000))
  await rabbit.start()
  bit(`SIGKILL to RabbitMQ, ${load.repeated - repeated} publishes repeated so far`, true)
}

const rabbitRestarts: SoakFault['strike'] = async (scene) => {
  const { rabbit, load, bit } = scene
  const repeated = load.repeated
  const lost = listen(living(scene), LOST, BOTH)
  await rabbit.stop()
  await lost()
  await rabbit.start()
  bit(`RabbitMQ stopped and started, ${load.repeated - repeated} publishes repeated so far`, true)
}

const rabbitHangs: SoakFault['strike'] = async (scene) => {
  const lost = listen(living(scene), LOST, BOTH)
  const startedAt = performance.now()
  await scene.rabbit.freeze()
  try {
    await lost()
  } finally {
    await scene.rabbit.thaw()
  }
  scene.bit(`RabbitMQ frozen for ${since(startedAt)}: every worker gave up both its connections`, true)
}

const connectionsAreReset: SoakFault['strike'] = async (scene, chance) => {
  const { way, bit } = scene
  if (way === undefined) throw new Error('there is no way to reset')
  const lost = listen(living(scene), LOST)
  let resets = 0
  for (let left = chance.between(4, 20); left > 0; left -= 1) {
    resets += way.reset()
    await sleep(chance.between(100, 700))
  }
  await lost()
  bit(`${resets} connections reset, some of every worker`, resets > 0)
}

const connectionsAreClosed: SoakFault['strike'] = async (scene) => {
  const lost = listen(living(scene), LOST, BOTH)
  await scene.rabbit.control('close_all_connections', '--vhost', '/', 'soak')
  await lost()
  scene.bit('an operator closed all connections, every worker lost both', true)
}

const channelsDie: SoakFault['strike'] = async (scene) => {
  const { rabbit, bit } = scene
  const refusals = async (): Promise<number> => (await rabbit.log()).split('unknown delivery tag').length
  const before = await refusals()
  const open = living(scene).map((worker) => ({ worker, hasLost: hears(worker, LOST) }))
  // An acknowledgement that leaves together with later ones is not one too many: each is asked until it has made one.
  const ask = (): boolean => {
    const others = open.filter(({ hasLost }) => !hasLost())
    for (const { worker } of others) worker.signal('SIGUSR2')
    return others.length === 0
  }
  await waitFor('every worker to lose a channel', ask, { ...PATIENTLY, everyMs: 500 })
  const areLogged = async (): Promise<boolean> => (await refusals()) >= before + LIVING
  await waitFor('RabbitMQ to log it', areLogged, PATIENTLY)
  bit('every worker acknowledged something twice: its channel was closed with 406', true)
}

const postgresIsAway: SoakFault['strike'] = async (scene, chance) => {
  const { postgres, load, bit } = scene
  const held = listen(living(scene), 'dependency is away, holding deliveries')
  const back = listen(living(scene), 'dependency is back, going on')
  const confirmed = load.confirmed.length
  const startedAt = performance.now()
  await postgres.stop('immediate')
  await held()
  await sleep(chance.between(0, 10_000))
  await postgres.start()
  await back()
  const [accepted, took] = [load.confirmed.length - confirmed, since(startedAt)]
  bit(`Postgres away: every worker held and went on, ${accepted} records accepted in ${took}`, accepted > 0)
}

const sessionsEnd: SoakFault['strike'] = async ({ count, bit }, chance) => {
  let ended = 0
  for (let left = chance.between(5, 20); left > 0; left -= 1) {
    ended += await count(
      `FROM (SELECT pg_terminate_backend(pid) FROM pg_stat_activity
       WHERE datname = current_database() AND application_name LIKE 'sluice-worker%') AS gone`
    )
    await sleep(200)
  }
  bit(`${ended} sessions of workers terminated`, ended > 0)
}

/** Meanwhile webhooks come whose places nobody knows yet: without them Redis would not be asked. */
const withoutRedis = async (
  scene: Scene,
  chance: Chance,
  { how, begin, end }: { how: string; begin: () => unknown; end: () => unknown }
): Promise<void> => {
  const { shop, alsoJudge, bit } = scene
  const away = listen(living(scene), 'redis is away, continuing without it')
  const back = listen(living(scene), 'redis is back')
  const watch = startStopwatch(shop, { perSecond: 20, name: `soak-${chance.between(0, 1e9)}` })
  await begin()
  await away().finally(end)
  await back()
  const { sent, tookMs } = await watch.end(PATIENCE_MS)
  alsoJudge(sent)
  const all = tookMs.every((ms) => ms < Infinity)
  bit(`Redis ${how}: every worker noticed and has it again, ${sent.length} webhooks applied meanwhile`, all)
}

/** While nothing can be written the hands fill, so that its death costs something. */
const workerIsKilled: SoakFault['strike'] = async (scene) => {
  const { drill, shop, workers, startWorker, said, count, bit } = scene
  const victim = workers.at(-1)
  if (victim === undefined) throw new Error('there is no worker')
  const again = (): number => said('delivered again').length
  const before = again()
  let inHand = 0
  await shop.database.db.transaction(async (tx) => {
    await tx.$executeRawUnsafe('LOCK TABLE offers IN EXCLUSIVE MODE')
    await waitFor(
      'its hands to fill',
      async () => {
        inHand = drill.isSabotaged ? await waitingSessions(count) : await heldBy(victim)
        return inHand >= LIVING
      },
      PATIENTLY
    )
    victim.signal('SIGKILL')
    await victim.exit
  })
  const { signal } = await victim.exit
  if (!drill.isSabotaged)
    await waitFor('what it had in hand to come again', () => again() > before, PATIENTLY)
  bit(`SIGKILL to a worker, ${again() - before} deliveries came again`, signal === 'SIGKILL' && inHand > 0)
  await startWorker()
}

/** Sabotaged, a worker has nothing in hand: what it works on shows in Postgres only. */
const waitingSessions = (count: Scene['count']): Promise<number> =>
  count(`FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND application_name LIKE 'sluice-worker%'`)

const workerIsStopped: SoakFault['strike'] = async (scene) => {
  const { drill, workers, startWorker, bit } = scene
  const leaving = workers.at(-1)
  if (leaving === undefined) throw new Error('there is no worker')
  leaving.signal('SIGTERM')
  const { code, signal } = await leaving.exit
  const drained = leaving.lines().filter(({ msg }) => msg === 'lanes drained').length
  bit('SIGTERM to a worker under load', drained > 0 || code === 0)
  drill.held('a worker that is stopped exits with 0', code === 0, code ?? String(signal))
  await startWorker()
}

const workerHangs: SoakFault['strike'] = async (scene, chance) => {
  const { rabbit, bit } = scene
  const worker = chance.oneOf(living(scene))
  const missed = async (): Promise<number> =>
    (await rabbit.log()).split('missed heartbeats from client').length
  const before = await missed()
  const lost = listen([worker], LOST, BOTH)
  const startedAt = performance.now()
  worker.signal('SIGSTOP')
  const areMissed = async (): Promise<boolean> => (await missed()) >= before + BOTH
  await waitFor('RabbitMQ to give up both its connections', areMissed, PATIENTLY).finally(() =>
    worker.signal('SIGCONT')
  )
  await lost()
  bit(`a worker frozen for ${since(startedAt)}: RabbitMQ missed the heartbeats of both its connections`, true)
}

const since = (startedAt: number): string => `${((performance.now() - startedAt) / 1_000).toFixed(1)} s`

/** Who acknowledges too early loses by this one. */
export const KILLED: SoakFault = { name: 'worker killed', strike: workerIsKilled }

export const SOAK_FAULTS: readonly SoakFault[] = [
  { name: 'RabbitMQ killed', strike: rabbitDies },
  { name: 'RabbitMQ restarted', strike: rabbitRestarts },
  { name: 'RabbitMQ hung', strike: rabbitHangs },
  { name: 'connections reset', strike: connectionsAreReset },
  { name: 'connections closed', strike: connectionsAreClosed },
  { name: 'channels dead', strike: channelsDie },
  { name: 'Postgres away', strike: postgresIsAway },
  { name: 'sessions terminated', strike: sessionsEnd },
  {
    name: 'Redis away',
    strike: (scene, chance) =>
      withoutRedis(scene, chance, { how: 'stopped', begin: scene.redis.stop, end: scene.redis.start })
  },
  {
    name: 'Redis hung',
    strike: (scene, chance) =>
      withoutRedis(scene, chance, {
        how: 'frozen',
        begin: () => scene.redis.signal('SIGSTOP'),
        end: () => scene.redis.signal('SIGCONT')
      })
  },
  { name: 'worker stopped', strike: workerIsStopped },
  { name: 'worker hung', strike: workerHangs },
  KILLED
]
