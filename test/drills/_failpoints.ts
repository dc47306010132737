import { fromMessage, type OutgoingMessage } from '@sluice/shared/envelope'
import type { History } from '../support/histories.ts'
import { type Failpoint } from '../support/failpoint/die.ts'
import type { Workshop } from '../support/workshop.ts'
import { judge, type Finding } from './_oracle.ts'
import { FAULT } from './_worker-house.ts'
import { stumblesOver } from './sabotage/_stumbling-message.ts'

/** A worker that dies at one place, and the next one, which finds what it left. */
export interface Death {
  shop: Workshop
  history: History
  /** What was sent before; what is sent now is added. */
  confirmed: OutgoingMessage[]
  managementUrl: string
  /** More modules for both workers. */
  preload?: readonly string[]
}

const MESSAGES = 120
const TIMEOUT_MS = 30_000

/** Lets a worker die at `place` with its hands full, starts another, and says what became of it all. */
export const dieAndRecover = async (place: Failpoint, at: Death): Promise<Finding[]> => {
  const { shop, history, confirmed, managementUrl, preload = [] } = at
  const modules = [FAULT.failpoint, FAULT.stumble, ...preload]
  const told: OutgoingMessage[] = []
  const someStumble = (): boolean => told.some((message) => stumblesOver(fromMessage(message).recordHash))
  while (told.length < MESSAGES || !someStumble()) told.push(history.messages.next().value)
  const [first] = told
  if (first === undefined) throw new Error('the history is at its end')
  const unreadable = { ...first, properties: { ...first.properties, messageId: place, type: 'nonsense' } }
  await shop.send(...told.slice(0, MESSAGES / 2), unreadable, ...told.slice(MESSAGES / 2))
  confirmed.push(...told)

  const victim = await shop.startProcess({ DRILL_FAILPOINT: place }, modules).catch((thrown: unknown) => {
    // It may be dead before anybody sees that it has started.
    if (!String(thrown).includes('worker ended')) throw thrown
    return undefined
  })
  const signal = victim === undefined ? 'SIGKILL' : (await victim.exit).signal
  const next = await shop.startProcess({}, modules)
  const found = await judge(
    { shop, confirmed, told: history.told, workers: [next], managementUrl },
    TIMEOUT_MS
  )
  const letters = await shop.query(`SELECT 1 FROM dead_letters WHERE message_id = '${place}'`)
  await next.stop()

  const counts = next
    .lines()
    .flatMap(({ msg, deliveryCount }) => (msg === 'delivered again' ? [Number(deliveryCount)] : []))
  return [
    {
      what: `the worker died ${place}`,
      ok: signal === 'SIGKILL' && counts.length > 0,
      figure: String(signal)
    },
    {
      what: 'nothing was delivered more than once more',
      ok: Math.max(0, ...counts) <= 1,
      figure: `${counts.length} delivered again, at most ${Math.max(0, ...counts)} times`
    },
    { what: 'what cannot be read is kept once', ok: letters.length === 1, figure: String(letters.length) },
    ...found
  ]
}
