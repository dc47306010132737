import { setTimeout as sleep } from 'node:timers/promises'
import { createChance, type Chance } from '@sluice/examples/costa-demo'
import { waitFor } from '../support/process.ts'
import { flat } from '../support/workshop.ts'
import { connections, consumersAreBack } from './_consumers.ts'
import { runDrill } from './_drill.ts'
import { KILLED, LIVING, PATIENCE_MS, residents, SOAK_FAULTS, type SoakFault } from './_soak-faults.ts'
import { toMib, vitalsOf } from './_vitals.ts'
import { drillOf, type Scene, type WorkerFault } from './_worker-fault.ts'

/** One fault after another for minutes, and nothing that is not given back (research: fault 32, with 31). */

const PATIENTLY = { timeoutMs: PATIENCE_MS, everyMs: 500 } as const

/** All kinds in an order of chance, then all in another. */
function* inAnyOrder(chance: Chance): Generator<SoakFault, void> {
  for (;;) {
    const weighed = SOAK_FAULTS.map((fault) => ({ fault, weight: chance.next() }))
    for (const { fault } of weighed.toSorted((a, b) => a.weight - b.weight)) yield fault
  }
}

/** Everything flows again: in by the load and by one webhook more, and out of every lane. */
const flowsAgain = async (scene: Scene, after: string): Promise<boolean> => {
  const { drill, shop, load, send, count } = scene
  if (!(await consumersAreBack(scene, { workers: LIVING, after }))) return false
  const startedAt = performance.now()
  const confirmed = load.confirmed.length
  const id = `after-${confirmed}`
  const isSent = async (): Promise<boolean> => {
    await send([shop.hook(`${id}.0`, flat(id), 10)])
    return true
  }
  const isApplied = async (): Promise<boolean> =>
    (await count(`FROM deliveries WHERE message_id = '${id}.0'`)) === 1
  const flows = await waitFor('the load to go on', () => load.confirmed.length > confirmed + 100, PATIENTLY)
    .then(() => waitFor('a webhook to be sent', isSent, PATIENTLY))
    .then(() => waitFor('it to be applied', isApplied, PATIENTLY))
    .catch((error: unknown) => String(error))
  const tookMs = Math.round(performance.now() - startedAt)
  drill.held(`${after}: what is sent is applied`, flows === true, flows === true ? `${tookMs} ms` : flows)
  return flows === true
}

/** What may be more than at the beginning, for connections to Postgres that were not needed yet and memory not swept yet. */
const SLACK: Holding = { files: 20, emitters: 60, listeners: 4, liveMib: 64, channels: 0 }

interface Holding {
  files: number
  emitters: number
  listeners: number
  liveMib: number
  channels: number
}

/** What those hold that live through it all, added up, while they have nothing to do. */
const whatIsHeld = async (scene: Scene): Promise<Holding> => {
  const { load, managementUrl, shop } = scene
  await load.pause()
  const { webhook, feed } = shop.broker.topology.queues
  const areEmpty = async (): Promise<boolean> =>
    (await shop.broker.count(webhook)) + (await shop.broker.count(feed)) === 0
  await waitFor('the lanes to be empty', areEmpty, PATIENTLY)
  const vitals = await Promise.all(residents(scene).map(vitalsOf))
  const sum = (key: keyof (typeof vitals)[number]): number => vitals.reduce((all, one) => all + one[key], 0)
  const ofWorkers = await waitFor(
    'RabbitMQ to know every connection',
    async () => {
      const found = (await connections(managementUrl)).filter(({ role }) => role.startsWith('worker.'))
      return found.length === 2 * LIVING && found.every(({ channels }) => channels > 0) && found
    },
    PATIENTLY
  )
  load.resume()
  return {
    files: sum('files'),
    emitters: sum('emitters'),
    listeners: sum('listeners'),
    liveMib: toMib(sum('liveBytes')),
    channels: ofWorkers.reduce((all, { channels }) => all + channels, 0)
  }
}

const soak = async (scene: Scene): Promise<void> => {
  const { drill, load } = scene
  const [seed, minutes] = [drill.setting('seed'), drill.setting('minutes')]
  const chance = createChance(seed)
  const faults = drill.isSabotaged ? [KILLED].values() : inAnyOrder(chance)
  drill.say(`seed ${seed}`)
  const before = await whatIsHeld(scene)
  const end = performance.now() + minutes * 60_000
  let struck = 0
  for (const { name, strike } of faults) {
    if (performance.now() > end) break
    struck += 1
    await load.reached(load.confirmed.length + chance.between(100, 500))
    await strike(scene, chance)
    if (!(await flowsAgain(scene, `${struck}, ${name}`))) return
  }
  if (drill.isSabotaged) return
  // What is given up is not gone at once: the last fault's connections wait for answers that do not come.
  const isMore = (after: Holding): boolean => KINDS.some((what) => after[what] > before[what] + SLACK[what])
  let after = await whatIsHeld(scene)
  for (const until = performance.now() + PATIENCE_MS; isMore(after) && performance.now() < until;) {
    drill.say(
      `not yet given back: ${KINDS.map((what) => `${after[what] - before[what]} ${NAMES[what]}`).join(', ')}`
    )
    await sleep(GIVEN_BACK_EVERY_MS)
    after = await whatIsHeld(scene)
  }
  for (const what of KINDS)
    drill.held(
      `those that lived through it hold no more ${NAMES[what]}`,
      after[what] <= before[what] + SLACK[what],
      `${before[what]} before, ${after[what]} after`
    )
}

const GIVEN_BACK_EVERY_MS = 5_000
const KINDS = ['files', 'emitters', 'listeners', 'liveMib', 'channels'] as const
const NAMES = {
  files: 'open files',
  emitters: 'emitters',
  listeners: 'listeners of the process',
  liveMib: 'MiB of memory in use',
  channels: 'channels'
} as const

const fault: WorkerFault = {
  name: 'soak',
  about: 'for some minutes one fault after another, in an order of chance, each when the last is over',
  sabotage: { what: 'messages are acknowledged before they are applied', preload: 'ackEarly' },
  faults: ['ackTwice', 'vitals'],
  workers: LIVING,
  rate: 100,
  offers: 300,
  rabbit: { hasWay: true, config: ['heartbeat = 5'] },
  settings: { minutes: 5, seed: Date.now() % 2 ** 31, limit: 60 },
  inject: soak
}

await runDrill(drillOf('worker', fault))
