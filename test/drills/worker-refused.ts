import { setTimeout as sleep } from 'node:timers/promises'
import { connect } from 'amqplib'
import type { OutgoingMessage } from '@sluice/shared/envelope'
import { runDrills } from './_drill.ts'
import { applyAgain, queueFigures } from './_consumers.ts'
import { drillOf, type Scene, type WorkerFault } from './_worker-fault.ts'
import { waitFor } from '../support/process.ts'
import { flat } from '../support/workshop.ts'

/** Queues that are full and bindings that are gone, on every way a message can take (research: faults 11 and 12). */

const CREDULOUS = {
  what: 'a copy counts as sent whatever RabbitMQ says',
  preload: 'credulousCopies'
} as const
/** `forgetful` does it; workers must not mind. */
const FORGETFUL = { what: 'RabbitMQ dead-letters at most once', preload: 'noComparison' } as const

/** RabbitMQ's own is three minutes: so long a message that was refused on its way to the dead waits for its next try. */
const RESEND_MS = 10_000
const rabbit = {
  advancedConfig: `[{rabbit, [{dead_letter_worker_publisher_confirm_timeout, ${RESEND_MS}}]}].`
}
const FULL_MS = 10_000
const SOME = 10
/** Deliveries until the quarantine gives a message up. */
const UNTIL_DEAD = 4

const limit = ({ rabbit }: Scene, queues: readonly string[], messages: number): Promise<string> =>
  rabbit.control(
    'set_policy',
    'drill',
    `^(${queues.map((queue) => queue.replaceAll('.', '\\.')).join('|')})$`,
    JSON.stringify({ 'max-length': messages }),
    '--apply-to',
    'queues'
  )
/** As nobody should, who has read docs/operations.md: a sender that was refused is not told that the limit is gone. */
const clear = ({ rabbit }: Scene): Promise<string> => rabbit.control('clear_policy', 'drill')
/** As everybody should: what was refused inside of RabbitMQ, on its way from queue to queue, would stay stuck. */
const raise = (scene: Scene, queues: readonly string[]): Promise<string> => limit(scene, queues, 1_000_000)

const step = ({ shop }: Scene): string => `${shop.broker.namespace}.retry.5s.v1`

/** Sabotaged, a queue forgets what it could not hand on. */
const forgetful = async ({ shop, rabbit, drill }: Scene, queue: string): Promise<void> => {
  if (!drill.isSabotaged) return
  const { queueSpecs, bindingSpecs } = shop.broker.topology
  const spec = queueSpecs.find(({ name }) => name === queue)
  if (spec === undefined) throw new Error(`the topology has no ${queue}`)
  const { 'x-dead-letter-strategy': _, ...rest } = spec.arguments
  const connection = await connect(rabbit.url, { timeout: 10_000 })
  const channel = await connection.createChannel()
  await channel.deleteQueue(queue)
  await channel.assertQueue(queue, { durable: true, arguments: rest })
  for (const binding of bindingSpecs.filter((one) => one.queue === queue))
    await channel.bindQueue(queue, binding.exchange, binding.routingKey)
  await connection.close()
}

/** Puts back what is gone. A queue that was made forgetful differs, and apply says so after everything else. */
const mend = async (scene: Scene): Promise<void> => {
  await applyAgain(scene).catch((thrown: unknown) => {
    if (!scene.drill.isSabotaged) throw thrown
  })
}

/** As the worker's own copies for the ladder, whose lane is `webhook`. */
const onTheLadder = ({ shop }: Scene): OutgoingMessage[] =>
  Array.from({ length: SOME }, (_, index) => ({
    ...shop.hook(`ladder-${index}.0`, flat(`ladder-${index}`), 10),
    exchange: shop.broker.topology.exchanges.retry,
    routingKey: '5s.webhook'
  }))

/** Messages the broker itself gives up, as those that kill their workers. */
const giveUp = async ({ shop, send }: Scene): Promise<void> => {
  const { exchanges, queues } = shop.broker.topology
  await send(
    Array.from({ length: SOME }, (_, index) => ({
      ...shop.hook(`killer-${index}.0`, flat(`killer-${index}`), 10),
      exchange: exchanges.requeue,
      routingKey: 'record.quarantine'
    }))
  )
  await shop.broker.crashOver(queues.quarantine, SOME * UNTIL_DEAD)
}

/** Messages a worker buries: nobody can read them. */
const unreadable = ({ shop }: Scene): OutgoingMessage[] =>
  Array.from({ length: SOME }, (_, index) => ({
    ...shop.hook(`xml-${index}.0`, flat(`xml-${index}`), 10),
    body: Buffer.from('<xml>')
  }))

/** How many are on their way out of a queue and cannot get any further, once there are `least`. */
const stuckIn = async ({ managementUrl }: Scene, queue: string, least: number): Promise<number> => {
  let stuck = 0
  const areStuck = async (): Promise<boolean> => {
    stuck = (await queueFigures(managementUrl, queue)).deadLettering
    return stuck >= least
  }
  await waitFor('messages to be stuck', areStuck, { everyMs: 500 }).catch(() => undefined) // the caller looks
  return stuck
}

const refusedCopies = ({ said }: Scene): number =>
  said('copy not confirmed, trying again').filter((line) => JSON.stringify(line).includes('PUBLISH_NACKED'))
    .length

const ladderIsFull = async (scene: Scene): Promise<void> => {
  const { bit, drill } = scene
  await limit(scene, [step(scene)], 1)
  await sleep(FULL_MS)
  const refused = refusedCopies(scene)
  await clear(scene)
  bit(
    `the first step of the ladder took one message at a time for 10 s: ${refused} copies refused`,
    refused > 0 || drill.isSabotaged
  )
}

/** Nothing takes out of the lanes what fills them: only the limit is lifted. */
const lanesAreFull = async (scene: Scene): Promise<void> => {
  const { shop, load, send, startWorker, bit } = scene
  const { webhook, feed } = shop.broker.topology.queues
  await limit(scene, [webhook, feed], 100)
  await waitFor('the load to be refused', () => load.refused > 0)
  await send(onTheLadder(scene))
  const stuck = await stuckIn(scene, step(scene), SOME)
  const refused = load.refused
  const before = load.confirmed.length
  await raise(scene, [webhook, feed])
  bit(
    `both lanes full: ${refused} publishes refused, ${stuck} messages cannot leave the ladder`,
    refused > 0 && stuck > 0
  )
  await load.reached(before + 300)
  await Promise.all([startWorker(), startWorker()])
}

const ladderLeadsNowhere = async (scene: Scene): Promise<void> => {
  const { shop, send, drill, bit } = scene
  const { exchanges, queues } = shop.broker.topology
  await forgetful(scene, step(scene))
  await shop.broker.unbind(queues.webhook, exchanges.requeue, '*.webhook')
  await send(onTheLadder(scene))
  const stuck = await stuckIn(scene, step(scene), SOME)
  const fixedAt = performance.now()
  await mend(scene)
  bit(
    `the webhooks' way back from the ladder was gone: ${stuck} messages could not leave it`,
    stuck >= SOME || drill.isSabotaged
  )
  await arrive(scene, `FROM deliveries WHERE message_id LIKE 'ladder-%'`, SOME, fixedAt)
}

const deadLeadNowhere = async (scene: Scene): Promise<void> => {
  const { shop, send, startWorker, count, drill, bit } = scene
  const { exchanges, queues } = shop.broker.topology
  await forgetful(scene, queues.quarantine)
  await shop.broker.unbind(queues.dead, exchanges.dead, '')
  await giveUp(scene)
  await send(unreadable(scene))
  await startWorker()
  await sleep(FULL_MS)
  const stuck = (await queueFigures(scene.managementUrl, queues.quarantine)).deadLettering
  const before = await count('FROM dead_letters')
  bit(`nothing led to the dead: ${before} letters stored`, before === 0)
  drill.held(`all ${SOME} that the broker gave up are kept by the quarantine`, stuck === SOME, stuck)
  const fixedAt = performance.now()
  await mend(scene)
  await arrive(scene, 'FROM dead_letters', 2 * SOME, fixedAt)
}

/** What was retained arrives, at the next try of the broker. */
const arrive = async (
  { count, drill }: Scene,
  where: string,
  expected: number,
  fixedAt: number
): Promise<void> => {
  const isThere = async (): Promise<boolean> => (await count(where)) === expected
  await waitFor('what was retained', isThere, { timeoutMs: 3 * RESEND_MS }).catch(() => undefined) // shown below
  const found = await count(where)
  const tookMs = Math.round(performance.now() - fixedAt)
  drill.held(`all ${expected} arrive after the fix`, found === expected, `${found} after ${tookMs} ms`)
}

const faults: readonly WorkerFault[] = [
  {
    name: 'ladder',
    about: 'the first step of the ladder refuses for ten seconds',
    sabotage: CREDULOUS,
    rabbit,
    inject: ladderIsFull
  },
  {
    name: 'lanes',
    about: 'both lanes are full while no worker runs, for senders and for what returns from the ladder',
    sabotage: { what: 'the sender believes what it handed over', isCredulous: true },
    workers: 0,
    rate: 50,
    rabbit,
    inject: lanesAreFull
  },
  {
    name: 'no-way-back',
    about: 'the binding that leads from the ladder to a lane is deleted, and the topology applied again',
    sabotage: FORGETFUL,
    rabbit,
    inject: ladderLeadsNowhere
  },
  {
    name: 'no-grave',
    about: 'the binding that leads to the dead is deleted, and the topology applied again',
    sabotage: FORGETFUL,
    workers: 0,
    rabbit,
    inject: deadLeadNowhere
  }
]

await runDrills(
  { name: 'worker-refused', about: 'queues that are full and bindings that are gone, while workers work' },
  faults.map((fault) => drillOf('worker-refused', fault))
)
