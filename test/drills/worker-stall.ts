import { createDb } from '@sluice/prisma/client'
import { runDrills } from './_drill.ts'
import { consumersAreBack, logged } from './_consumers.ts'
import { drillOf, type Scene, type WorkerFault } from './_worker-fault.ts'
import { waitFor } from '../support/process.ts'

/** Workers that stand still while RabbitMQ waits for them (research: faults 8 and 31). */

const DEAF = { what: 'a connection that is lost stays lost', preload: 'noReconnect' } as const
const BUSY_MS = 15_000
/** RabbitMQ's own is 30 minutes, looked at once a minute. */
const CONSUMER_TIMEOUT_MS = 5_000

/** Its event loop does nothing else: no heartbeat leaves, none is read. */
const loopIsBlocked = async (scene: Scene): Promise<void> => {
  const { workers, bit } = scene
  const [busy] = workers
  if (busy === undefined) throw new Error('there is no worker')
  const said = (message: string) => busy.lines().filter(({ msg }) => msg === message).length
  busy.signal('SIGUSR2')
  await waitFor('it to be done', () => said('was busy') > 0, { timeoutMs: 60_000 })
  await waitFor('it to notice', () => said('broker connection lost') >= 2)
  const missed = await logged(scene, 'missed heartbeats from client', 2)
  bit(
    `busy for ${BUSY_MS / 1000} s: RabbitMQ missed the heartbeats of ${missed} connections, the worker lost ${said('broker connection lost')}`,
    missed >= 2
  )
  await consumersAreBack(scene)
}

/** A handler that stands at a lock, as somebody forgot it in a console, until the broker loses its patience. */
const handlerIsStuck = async (scene: Scene): Promise<void> => {
  const { shop, said, bit } = scene
  const db = createDb({ url: shop.database.url, poolSize: 1, applicationName: 'forgotten console' })
  await db.transaction(async (tx) => {
    await tx.$executeRaw`LOCK TABLE offers IN EXCLUSIVE MODE`
    await waitFor('the broker to lose its patience', () => said('broker connection lost').length > 0)
  })
  await db.close()
  const timeouts = await logged(scene, 'has timed out waiting for delivery acknowledgement', 1)
  bit(
    `offers locked for longer than the consumer timeout: ${timeouts} channels closed with 406`,
    timeouts > 0
  )
  await consumersAreBack(scene)
}

const faults: readonly WorkerFault[] = [
  {
    name: 'loop',
    about:
      'the event loop of one of two workers is busy for 15 s, longer than RabbitMQ waits for a heartbeat',
    sabotage: DEAF,
    faults: ['blockLoop'],
    env: { DRILL_BUSY_MS: String(BUSY_MS) },
    rabbit: { config: ['heartbeat = 5'] },
    inject: loopIsBlocked
  },
  {
    name: 'handler',
    about: 'offers are locked for longer than RabbitMQ waits for an acknowledgement',
    sabotage: DEAF,
    rabbit: {
      advancedConfig: `[{rabbit, [{consumer_timeout, ${CONSUMER_TIMEOUT_MS}}, {channel_tick_interval, 500}]}].`
    },
    inject: handlerIsStuck
  }
]

await runDrills(
  { name: 'worker-stall', about: 'workers that stand still under load, for longer than RabbitMQ waits' },
  faults.map((fault) => drillOf('worker-stall', fault))
)
