import { setTimeout as sleep } from 'node:timers/promises'
import { connect } from 'amqplib'
import { runDrills } from './_drill.ts'
import { applyAgain, consumersAreBack } from './_consumers.ts'
import { drillOf, type Scene, type WorkerFault } from './_worker-fault.ts'
import { waitFor, type Running as Process } from '../support/process.ts'
import { healthOf } from '../support/workshop.ts'

/** Workers that meet another broker than they expect, or none (research: faults 25 and 26). */

const DEAF = { what: 'a connection that is lost stays lost', preload: 'noReconnect' } as const
const BLIND = { what: 'nobody compares the topology at the start', preload: 'noComparison' } as const

const EXIT_CONFIG = 78
const RESTARTS = 3
const GONE_WITHIN_MS = 30_000
/** What is refused is the consuming one; the other stays. */
const MOST_CONNECTIONS = 5

/** Connections of workers so far; RabbitMQ writes its log a little later than it acts. */
const connectionsSoFar = async ({ rabbit }: Scene): Promise<number> => {
  await sleep(2_000)
  return (await rabbit.log()).match(/client-provided name: (sluice\.topology|worker\.)/g)?.length ?? 0
}

/** Lets them end by themselves, or kills them when they do not: how, and after how long. */
const ends = async (workers: readonly Process[]) => {
  const startedAt = performance.now()
  const patience = setTimeout(() => {
    for (const worker of workers) worker.signal('SIGKILL')
  }, GONE_WITHIN_MS)
  const exits = await Promise.all(workers.map(({ exit }) => exit))
  clearTimeout(patience)
  return {
    codes: exits.map(({ code, signal }) => code ?? signal),
    tookMs: Math.round(performance.now() - startedAt)
  }
}

/** Whether each said, last of all, what is wrong and what to do. */
const saidAtTheEnd = (workers: readonly Process[], words: readonly string[]): boolean =>
  workers.every((worker) => {
    const last = worker.lines().findLast(({ level }) => Number(level) >= 50 || level === 'fatal')
    const text = JSON.stringify(last ?? '')
    return words.every((word) => text.includes(word))
  })

/** A supervisor starts it again and again: each time it ends by itself, soon, and takes nothing from a queue. */
const restartsInVain = async (scene: Scene, words: readonly string[]): Promise<void> => {
  const { drill, spawnWorker, workers } = scene
  const before = await connectionsSoFar(scene)
  const codes: unknown[] = []
  for (let time = 0; time < RESTARTS; time += 1) codes.push(...(await ends([spawnWorker()])).codes)
  const found = (await connectionsSoFar(scene)) - before
  drill.held(
    `started again it ends with ${EXIT_CONFIG} each time, after one connection`,
    codes.every((code) => code === EXIT_CONFIG) && found === RESTARTS,
    `${codes.join(' ')} with ${found} connections`
  )
  const last = workers.slice(-RESTARTS)
  drill.held('and says what is wrong and what to do', saidAtTheEnd(last, words), words.join(', '))
}

/** A queue of that name is there, made by somebody else. */
const queueDiffers = async (scene: Scene): Promise<void> => {
  const { shop, rabbit, startWorker, bit } = scene
  const { quarantine } = shop.broker.topology.queues
  await shop.broker.deleteQueue(quarantine)
  const connection = await connect(rabbit.url, { timeout: 10_000 })
  const channel = await connection.createChannel()
  await channel.assertQueue(quarantine, { durable: true, arguments: { 'x-queue-type': 'quorum' } })
  await connection.close()
  bit('the quarantine has other arguments than wanted', true)
  await restartsInVain(scene, [quarantine, 'exists with other arguments', 'drain and delete'])

  await shop.broker.deleteQueue(quarantine)
  await applyAgain(scene)
  await Promise.all([startWorker(), startWorker()])
  await consumersAreBack(scene)
}

/** Nobody applies the topology again for as long as it takes. */
const laneIsMissing = async (scene: Scene): Promise<void> => {
  const { shop, drill, spawnWorker, startWorker, bit } = scene
  const { quarantine } = shop.broker.topology.queues
  const running = [spawnWorker(), spawnWorker()]
  await waitFor('both to consume', async () => (await shop.broker.consumers(quarantine)) === 2)
  const before = await connectionsSoFar(scene)
  await shop.broker.deleteQueue(quarantine)
  const { codes, tookMs } = await ends(running)
  const found = (await connectionsSoFar(scene)) - before
  bit(`the quarantine deleted under ${running.length} workers`, true)
  drill.held(
    `both give up with ${EXIT_CONFIG}, in time and after few attempts`,
    codes.every((code) => code === EXIT_CONFIG) &&
      tookMs <= GONE_WITHIN_MS &&
      found <= MOST_CONNECTIONS * running.length,
    `${codes.join(' ')} after ${tookMs} ms and ${found} connections`
  )
  drill.held(
    'and say what is wrong and what to do',
    saidAtTheEnd(running, [quarantine, 'sluice topology apply']),
    quarantine
  )
  await restartsInVain(scene, [quarantine, 'is missing', 'sluice topology apply'])

  await applyAgain(scene)
  await Promise.all([startWorker(), startWorker()])
  await consumersAreBack(scene)
}

/** Workers first, then their broker. */
const brokerIsAbsent = async (scene: Scene): Promise<void> => {
  const { drill, rabbit, load, workers, startWorker, said, bit } = scene
  await rabbit.stop()
  await Promise.all([startWorker(), startWorker()])
  const answers = async (path: string): Promise<string> =>
    (await Promise.all(workers.map((worker) => healthOf(worker, path)))).join(' ')
  bit(
    `${said('started').length} workers started without a broker`,
    said('topology not verified, rabbitmq is away').length === 2 && said('broker connection up').length === 0
  )
  const [live, ready] = [await answers('/livez'), await answers('/readyz')]
  drill.held('they are alive and not ready', live === '200 200' && ready === '503 503', `${live}, ${ready}`)
  const before = load.confirmed.length
  await rabbit.start()
  await load.reached(before + 200)
  await consumersAreBack(scene)
  const areReady = async (): Promise<boolean> => (await answers('/readyz')) === '200 200'
  await waitFor('them to be ready', areReady).catch(() => undefined) // shown below
  drill.held('they are ready', await areReady(), await answers('/readyz'))
}

const faults: readonly WorkerFault[] = [
  {
    name: 'mismatch',
    about: 'a queue exists with other arguments when workers start, again and again',
    sabotage: BLIND,
    workers: 0,
    inject: queueDiffers
  },
  {
    name: 'missing',
    about: 'a lane is deleted under its consumers and stays away; workers are started again and again',
    sabotage: BLIND,
    workers: 0,
    inject: laneIsMissing
  },
  {
    name: 'absent',
    about: 'workers are started before RabbitMQ is there',
    sabotage: DEAF,
    workers: 0,
    inject: brokerIsAbsent
  }
]

await runDrills(
  { name: 'worker-topology', about: 'workers that meet another RabbitMQ than they expect, or none' },
  faults.map((fault) => drillOf('worker-topology', fault))
)
