import type { OutgoingMessage } from '@sluice/shared/envelope'
import { createHistory } from '../support/histories.ts'
import type { Running as Process } from '../support/process.ts'
import { startLoad, type SteadyLoad } from '../support/steady-load.ts'
import { NoBite, type Drill, type Running } from './_drill.ts'
import { judge } from './_oracle.ts'
import {
  createWorkerHouse,
  FAULT,
  SABOTAGE,
  spawnWorker,
  type WorkerHouse,
  type WorkerHouseOptions
} from './_worker-house.ts'

/** One thing that can happen to workers under load. What must hold afterwards is the same for all: `_oracle.ts`. */
export interface WorkerFault {
  /** Short; the drill's name has the group's before it. */
  name: string
  about: string
  /** What is switched off to see whether it would be missed, and by which module or sender. */
  sabotage: { what: string; preload?: keyof typeof SABOTAGE; isCredulous?: boolean }
  /** More modules for every worker: what the fault itself needs. */
  faults?: readonly (keyof typeof FAULT)[]
  /** Of the histories, only what this source says. */
  source?: 'crm' | 'feed' | 'portal'
  workers?: number
  /** Messages a second. */
  rate?: number
  /** Few offers are contended. */
  offers?: number
  rabbit?: WorkerHouseOptions
  env?: Record<string, string>
  settings?: Readonly<Record<string, number>>
  /** Does it, in the middle of the load, and proves that it bit (`scene.bit`); may check more than the oracle does. */
  inject: (scene: Scene) => Promise<void>
}

export interface Scene extends WorkerHouse {
  drill: Running
  load: SteadyLoad
  /** Sends more than the load does; judged like the rest. */
  send: (messages: readonly OutgoingMessage[]) => Promise<void>
  /** These were sent by somebody else; judged like the rest. */
  alsoJudge: (messages: readonly OutgoingMessage[]) => void
  /** All that were started. */
  workers: Process[]
  startWorker: () => Promise<Process>
  /** Starts one that may end before it has started, with whatever code. */
  spawnWorker: () => Process
  /** What happened, and what shows that it did: without that the drill is over. */
  bit: (what: string, proof: boolean) => void
  /** Lines of all workers with this message. */
  said: (message: string) => Record<string, unknown>[]
}

const FIRST = 300
/** What has gathered during an outage is worked off on a machine that does everything at once. */
const SETTLE_MS = 180_000
const SABOTAGED_SETTLE_MS = 20_000

export const drillOf = (group: string, fault: WorkerFault): Drill => ({
  name: `${group}-${fault.name}`,
  about: fault.about,
  sabotage: fault.sabotage.what,
  settings: { seed: 1, ...fault.settings },
  run: (drill) => run(fault, drill)
})

const run = async (fault: WorkerFault, drill: Running): Promise<void> => {
  const { sabotage, workers: count = 2, rate = 200, offers = 150, env = {} } = fault
  const isOff = drill.isSabotaged
  const house = await createWorkerHouse(drill, { management: true, ...fault.rabbit })
  const { shop, managementUrl } = house
  const preload = [FAULT.stumble, FAULT.watched, ...(fault.faults ?? []).map((name) => FAULT[name])]
  if (isOff && sabotage.preload !== undefined) preload.push(SABOTAGE[sabotage.preload])
  const workers: Process[] = []
  const startWorker = async (): Promise<Process> => {
    const worker = await shop.startProcess(env, preload)
    workers.push(worker)
    return worker
  }
  const spawn = (): Process => {
    const worker = spawnWorker({ ...shop.env, ...env }, preload)
    drill.cleanup(() => worker.stop())
    workers.push(worker)
    return worker
  }
  await Promise.all(Array.from({ length: count }, startWorker))

  const history = await createHistory(shop, { seed: drill.setting('seed'), offers })
  const isCredulous = isOff && sabotage.isCredulous === true
  const messages = fault.source === undefined ? history.messages : of(fault.source, history.messages)
  const load = startLoad(shop.publisher, messages, { perSecond: rate, isCredulous })
  const more: OutgoingMessage[] = []
  const alsoJudge = (some: readonly OutgoingMessage[]): void => void more.push(...some)
  const send = async (some: readonly OutgoingMessage[]): Promise<void> => {
    await shop.send(...some)
    alsoJudge(some)
  }
  const said = (message: string) =>
    workers.flatMap((worker) => worker.lines()).filter(({ msg }) => msg === message)
  const bit = (what: string, proof: boolean): void => {
    if (!proof) throw new NoBite(what)
    drill.injected(what)
  }
  await load.reached(FIRST)
  await fault.inject({
    ...house,
    drill,
    load,
    send,
    alsoJudge,
    workers,
    startWorker,
    spawnWorker: spawn,
    bit,
    said
  })
  await load.reached(load.confirmed.length + FIRST)
  await load.end()

  const confirmed: readonly OutgoingMessage[] = [...load.confirmed, ...more]
  drill.say(`${confirmed.length} records confirmed, waiting until nothing moves any more`)
  const timeoutMs = isOff && !isCredulous ? SABOTAGED_SETTLE_MS : SETTLE_MS
  for (const { what, ok, figure } of await judge(
    { shop, confirmed, told: history.told, workers, managementUrl },
    timeoutMs
  ))
    drill.held(what, ok, figure)
}

function* of(source: string, messages: Iterator<OutgoingMessage, never>): Generator<OutgoingMessage, never> {
  for (;;) {
    const message = messages.next().value
    if (message.properties.headers['source'] === source) yield message
  }
}
