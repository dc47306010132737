import { setTimeout as sleep } from 'node:timers/promises'
import { runDrills } from './_drill.ts'
import { applyAgain, closeConnection, connections, consumersAreBack, logged } from './_consumers.ts'
import { withoutTrace } from './_oracle.ts'
import { drillOf, type Scene, type WorkerFault } from './_worker-fault.ts'
import { waitFor, type Running as Process } from '../support/process.ts'

/** Everything RabbitMQ can do to workers while they work (research: faults 1 to 7). */

const ABOUT = 'workers under load while RabbitMQ dies, restarts, hangs, resets, closes and cancels'

/** A worker that lost its connection and never came back would pass for one that had nothing to do. */
const DEAF = { what: 'a connection that is lost stays lost', preload: 'noReconnect' } as const
const CREDULOUS = { what: 'what was handed over is believed to have arrived', isCredulous: true } as const

const FROZEN_MS = 20_000
/** Below `shutdownTimeoutMs` of the workshop, by the share that closing needs. */
const SHUTDOWN_TIMEOUT_MS = 15_000
/** Half a second's worth: as long as RabbitMQ is there, a few are. It confirms what it has before it goes. */
const MANY_UNDERWAY = 100
const RESETS = 20
const RESET_EVERY_MS = 500

/** Of the workers, who lost a connection in this role. */
const lost = ({ said }: Scene, role?: string): Record<string, unknown>[] =>
  said('broker connection lost').filter(({ session }) => role === undefined || session === role)

const isFrozen = async (scene: Scene): Promise<void> => {
  const { rabbit, drill, workers, startWorker, bit, load } = scene
  const [leaving, staying] = workers
  if (leaving === undefined || staying === undefined) throw new Error('it takes two workers')
  const before = load.repeated
  await rabbit.freeze()
  const frozenAt = performance.now()
  await sleep(2_000)
  const leavingAt = performance.now()
  leaving.signal('SIGTERM')
  const { code } = await leaving.exit
  const tookMs = Math.round(performance.now() - leavingAt)
  const isStillFrozen = performance.now() - frozenAt < FROZEN_MS
  drill.held(
    'a worker that is stopped meanwhile exits with 0 within its time',
    code === 0 && tookMs <= SHUTDOWN_TIMEOUT_MS && isStillFrozen,
    `${code} after ${tookMs} ms`
  )
  await sleep(Math.max(0, FROZEN_MS - (performance.now() - frozenAt)))
  const heard = staying.lines().filter(({ msg }) => msg === 'broker connection lost').length
  await rabbit.thaw()
  bit(
    `frozen for 20 s: ${heard} connections given up by the one that stayed, ${load.repeated - before} publishes repeated`,
    heard >= 2 && load.repeated > before
  )
  await startWorker()
  await consumersAreBack(scene)
}

/** One role after another, and each time the others keep theirs. */
const closeByRole = async (scene: Scene): Promise<void> => {
  const { managementUrl, workers, load, bit } = scene
  for (const role of ['worker.consume', 'worker.publish', 'test.publish']) {
    const before = lost(scene).length
    const repeated = load.repeated
    const found = await waitFor(`connections ${role}`, async () => {
      const all = (await connections(managementUrl)).filter((one) => one.role === role)
      return all.length === (role === 'test.publish' ? 1 : workers.length) && all
    })
    for (const { name } of found) await closeConnection(managementUrl, name)
    if (role === 'test.publish') {
      await load.reached(load.confirmed.length + 200)
      bit(
        `${role} closed, ${load.repeated - repeated} publishes repeated, ${lost(scene).length - before} others lost`,
        lost(scene).length === before
      )
    } else {
      await waitFor('the workers to notice', () => lost(scene).length >= before + found.length)
      const own = lost(scene, role).length
      bit(
        `${found.length} connections ${role} closed, ${lost(scene).length - before - found.length} others lost`,
        own === found.length && lost(scene).length === before + found.length
      )
    }
  }
}

/** What dies is a channel, first a publishing one, then consuming ones; the connection is not the broker's to close. */
const channelsDie = async (scene: Scene): Promise<void> => {
  const { shop, workers, said, bit } = scene
  await deleteExchange(scene, shop.broker.topology.exchanges.retry)
  await waitFor('a copy to find no exchange', () => lost(scene, 'worker.publish').length > 0)
  await applyAgain(scene)
  bit(
    `the exchange of the ladder was gone: ${lost(scene, 'worker.publish').length} publishing channels closed with 404`,
    (await logged(scene, 'no exchange', 1)) > 0
  )
  await waitFor('copies to be confirmed again', () => said('copy not confirmed, trying again').length > 0)

  // An acknowledgement that leaves together with later ones is not one too many: each is asked until it has made one.
  const hasLost = (worker: Process): boolean =>
    worker
      .lines()
      .some(({ msg, session }) => msg === 'broker connection lost' && session === 'worker.consume')
  await waitFor(
    'both to notice',
    () => {
      const others = workers.filter((worker) => !hasLost(worker))
      for (const worker of others) worker.signal('SIGUSR2')
      return others.length === 0
    },
    { everyMs: 500 }
  )
  bit(
    `each worker acknowledged something twice: ${lost(scene, 'worker.consume').length} consuming channels closed with 406`,
    (await logged(scene, 'unknown delivery tag', 2)) >= 2
  )
  await consumersAreBack(scene)
}

const deleteExchange = ({ rabbit }: Scene, name: string): Promise<string> =>
  rabbit.control(
    'eval',
    `rabbit_exchange:delete(rabbit_misc:r(<<"/">>, exchange, <<"${name}">>), false, <<"drill">>).`
  )

/** The lane is empty when it goes, so what is sent meanwhile is all that could be lost. */
const laneIsDeleted = async (scene: Scene): Promise<void> => {
  const { shop, load, said, bit } = scene
  const { feed } = shop.broker.topology.queues
  await load.pause()
  await waitFor(
    'everything to be settled',
    async () => (await withoutTrace(shop, load.confirmed)).length === 0
  )
  await shop.broker.deleteQueue(feed)
  await waitFor('the workers to notice', () => said('broker connection lost').length >= scene.workers.length)
  const before = load.repeated
  load.resume()
  await waitFor('messages to be returned', () => load.returned > 0)
  await applyAgain(scene)
  await load.reached(load.confirmed.length + 200)
  bit(
    `the lane of the feeds deleted under its consumers: ${load.returned} messages returned of ${load.repeated - before} repeated`,
    load.returned > 0
  )
  await consumersAreBack(scene)
}

const faults: readonly WorkerFault[] = [
  {
    name: 'kill',
    about: 'RabbitMQ is killed with SIGKILL, twice, and started again',
    sabotage: CREDULOUS,
    inject: async ({ rabbit, load, bit }) => {
      for (const time of ['first', 'second']) {
        const before = load.repeated
        await rabbit.kill()
        await rabbit.start()
        await load.reached(load.confirmed.length + 200)
        bit(
          `SIGKILL for the ${time} time, ${load.repeated - before} publishes without a confirm`,
          load.repeated > before
        )
      }
    }
  },
  {
    name: 'restart',
    about: 'RabbitMQ is stopped as an operator stops it, and started again',
    sabotage: DEAF,
    inject: async (scene) => {
      await scene.rabbit.stop()
      await waitFor('the load to notice', () => scene.load.underway >= MANY_UNDERWAY)
      const { underway } = scene.load
      await scene.rabbit.start()
      scene.bit(`stopped and started, ${underway} publishes waited`, underway >= MANY_UNDERWAY)
      await consumersAreBack(scene)
    }
  },
  {
    name: 'hung',
    about:
      'RabbitMQ stands still for 20 s with every connection open; one of two workers is stopped meanwhile',
    sabotage: DEAF,
    rabbit: { config: ['heartbeat = 5'] },
    inject: isFrozen
  },
  {
    name: 'reset',
    about: 'every connection is reset twice a second for ten seconds',
    sabotage: CREDULOUS,
    rabbit: { hasWay: true },
    inject: async (scene) => {
      const { way, load, bit } = scene
      if (way === undefined) throw new Error('there is no way to reset')
      let resets = 0
      for (let time = 0; time < RESETS; time += 1) {
        resets += way.reset()
        await sleep(RESET_EVERY_MS)
      }
      bit(
        `${resets} connections reset, ${lost(scene).length} of them of workers that had been up; ${load.repeated} publishes repeated`,
        load.repeated > 0 && lost(scene).length > 0
      )
      await consumersAreBack(scene)
    }
  },
  {
    name: 'close',
    about: 'an operator closes the connections of each role, one role after another, then all at once',
    sabotage: DEAF,
    inject: async (scene) => {
      const { rabbit, bit } = scene
      await closeByRole(scene)
      if (!(await consumersAreBack(scene))) return
      const before = lost(scene).length
      await rabbit.control('close_all_connections', '--vhost', '/', 'drill')
      await waitFor('the workers to notice', () => lost(scene).length >= before + 4)
      bit(`all connections closed, ${lost(scene).length - before} of them of workers`, true)
      await consumersAreBack(scene)
    }
  },
  {
    name: 'channel',
    about: 'a publishing channel dies of a missing exchange, consuming ones of an acknowledgement too many',
    sabotage: DEAF,
    faults: ['ackTwice'],
    inject: channelsDie
  },
  {
    name: 'cancel',
    about: 'a lane is deleted under its consumers, and the operator applies the topology again',
    sabotage: DEAF,
    inject: laneIsDeleted
  }
]

await runDrills(
  { name: 'worker-broker', about: ABOUT },
  faults.map((fault) => drillOf('worker-broker', fault))
)
