import { applyTopology } from '@sluice/shared/broker'
import { createLogger } from '@sluice/shared/log'
import { runDrills } from './_drill.ts'
import { drillOf, type Scene, type WorkerFault } from './_worker-fault.ts'
import { waitFor } from '../support/process.ts'

/** Everything RabbitMQ can do to workers while they work (research: faults 1, 2, 5, 7). */

const ABOUT = 'workers under load while RabbitMQ dies, restarts, closes and cancels'

/** A worker that lost its connection and never came back would pass for one that had nothing to do. */
const DEAF = { what: 'a connection that is lost stays lost', preload: 'noReconnect' } as const

const silent = createLogger({ service: 'drill', level: 'silent' })
const CONSUMERS_OF_A_LANE = 2

const consumersAreBack = ({ shop, drill }: Scene): Promise<void> =>
  waitFor('every worker to consume again, once', async () => {
    const { webhook, feed } = shop.broker.topology.queues
    const counts = await Promise.all([webhook, feed].map((queue) => shop.broker.consumers(queue)))
    return counts.every((count) => count === CONSUMERS_OF_A_LANE)
  }).then(
    () => drill.held('each worker consumes each lane once', true, CONSUMERS_OF_A_LANE),
    (error: unknown) => drill.held('each worker consumes each lane once', false, String(error))
  )

/** Connections of workers, by way of the HTTP API, which hears of a new one only after some seconds. */
const workerConnections = async (url: string): Promise<string[]> => {
  const answer = await fetch(`${url}/api/connections`, {
    headers: { authorization: `Basic ${btoa('guest:guest')}` }
  })
  const all = (await answer.json()) as { name: string; client_properties?: { connection_name?: string } }[]
  return all.flatMap(({ name, client_properties: { connection_name: by = '' } = {} }) =>
    by.includes('worker') ? [name] : []
  )
}

const faults: readonly WorkerFault[] = [
  {
    name: 'kill',
    about: 'RabbitMQ is killed with SIGKILL, twice, and started again',
    sabotage: { what: 'what was handed over is believed to have arrived', isCredulous: true },
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
      await waitFor('the load to notice', () => scene.load.repeated > 0)
      await scene.rabbit.start()
      scene.bit(`stopped and started, ${scene.load.repeated} publishes repeated`, scene.load.repeated > 0)
      await consumersAreBack(scene)
    }
  },
  {
    name: 'close',
    about: 'an operator closes every connection of the workers, three times',
    sabotage: DEAF,
    inject: async (scene) => {
      const { rabbit, managementUrl, drill, said, bit } = scene
      for (let time = 1; time <= 3; time += 1) {
        const found = await waitFor('connections to close', async () => {
          const names = await workerConnections(managementUrl)
          return names.length >= 4 && names
        }).catch(() => undefined)
        if (time > 1) drill.held('every worker is connected again', found !== undefined, found?.length ?? 0)
        if (found === undefined) break
        await rabbit.control('close_all_connections', '--vhost', '/', `drill ${time}`)
        await waitFor('the workers to notice', () => said('broker connection lost').length >= 4 * time)
        bit(`${found.length} connections closed`, true)
      }
      await consumersAreBack(scene)
    }
  },
  {
    name: 'cancel',
    about: 'a lane is deleted under its consumers, and the operator applies the topology again',
    sabotage: DEAF,
    inject: async (scene) => {
      const { shop, rabbit, load, said, bit } = scene
      const { quarantine } = shop.broker.topology.queues
      await shop.broker.deleteQueue(quarantine)
      await waitFor('the workers to notice', () => said('broker connection lost').length >= 2)
      await applyTopology({ url: rabbit.url, topology: shop.broker.topology, log: silent })
      bit('the quarantine was deleted under its consumers', true)
      await load.reached(load.confirmed.length + 200)
      await consumersAreBack(scene)
    }
  }
]

await runDrills(
  { name: 'worker-broker', about: ABOUT },
  faults.map((fault) => drillOf('worker-broker', fault))
)
