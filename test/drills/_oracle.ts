import { isDeepStrictEqual } from 'node:util'
import { fromMessage, stampOf, type OutgoingMessage } from '@sluice/shared/envelope'
import type { OfferContent } from '@sluice/shared/offer'
import { modelOf, stateOf, type Told } from '../support/model.ts'
import { waitFor, type Running } from '../support/process.ts'
import type { Workshop } from '../support/workshop.ts'

/**
 * One judge for every fault a worker may meet. Given all messages the broker has confirmed, in whatever order they were
 * handled, how often and by whom: each left its trace, every offer is what the model says, every change was told once,
 * and nothing waits anywhere.
 */
interface Case {
  shop: Workshop
  confirmed: readonly OutgoingMessage[]
  /** Messages nobody sent because what they say stands already: the offers must look as if they had been sent. */
  spared?: readonly OutgoingMessage[]
  /** What a message comes to as a fact; `undefined` when its record is to be rejected. */
  told: (message: OutgoingMessage) => Told | undefined
  /** Whose batch lines must add up. */
  workers: readonly Running[]
  /** RabbitMQ's HTTP API, which alone sees what is stuck in at-least-once dead-lettering. */
  managementUrl: string
}

export interface Finding {
  what: string
  ok: boolean
  figure: string
}

/** RabbitMQ's HTTP API is some seconds behind, and a batch may be under way. */
const LAST_TRACE_MS = 30_000

/** Waits until nothing moves any more, or the time is over, and judges what is there. */
export const judge = async (at: Case, timeoutMs: number): Promise<Finding[]> => {
  const end = Date.now() + timeoutMs
  const left = (): number => Math.max(0, end - Date.now())
  // What is in no queue any more leaves its trace soon, or is lost.
  await smallest(() => notEmpty(at), left())
  const untraced = await smallest(() => withoutTrace(at.shop, at.confirmed), Math.min(left(), LAST_TRACE_MS))
  const stuck = await smallest(() => notEmpty(at), left())
  return [
    {
      what: 'every confirmed record is applied, rejected or dead',
      ok: at.confirmed.length > 0 && untraced.length === 0,
      figure: `${at.confirmed.length} confirmed, ${untraced.length} without a trace${some(untraced)}`
    },
    await likeTheModel(at),
    await changesAddUp(at.shop),
    { what: 'no queue holds anything', ok: stuck.length === 0, figure: stuck.join(', ') || 'all empty' },
    countersAddUp(at.workers)
  ]
}

/** Asks again and again until the list is empty, or the time is over. */
const smallest = async (ask: () => Promise<string[]>, timeoutMs: number): Promise<string[]> => {
  let last = await ask()
  const options = { timeoutMs, everyMs: 300 }
  await waitFor('nothing to be left', async () => (last = await ask()).length === 0, options).catch(
    () => undefined // what is left is the finding
  )
  return last
}

/** Those of the messages the books do not know, among the dead or otherwise; on the ladder is no end. */
export const withoutTrace = async (
  shop: Workshop,
  confirmed: readonly OutgoingMessage[]
): Promise<string[]> => {
  const settled = await keys(shop, `SELECT message_id AS key FROM deliveries WHERE outcome <> 'retried'`)
  const dead = await keys(shop, 'SELECT message_id AS key FROM dead_letters')
  const newest = new Map(
    (
      await shop.query<{ key: string; stamp: string }>(
        `SELECT s.slug || ' ' || f.external_id AS key, f.stamp FROM feed_records f
         JOIN sources s ON s.id = f.source_id WHERE f.outcome <> 'retried'`
      )
    ).map(({ key, stamp }) => [key, stamp])
  )
  return confirmed.flatMap((message) => {
    const envelope = fromMessage(message)
    const { messageId, lane, source, externalId } = envelope
    if (settled.has(messageId) || dead.has(messageId)) return []
    const isNoted = lane === 'feed' && (newest.get(`${source} ${externalId}`) ?? '') >= stampOf(envelope)
    return isNoted ? [] : [messageId]
  })
}

const likeTheModel = async ({ shop, confirmed, spared = [], told }: Case): Promise<Finding> => {
  const dead = await keys(shop, 'SELECT message_id AS key FROM dead_letters')
  const facts = new Map<string, Told[]>()
  for (const message of [...confirmed, ...spared]) {
    const fact = dead.has(message.properties.messageId) ? undefined : told(message)
    if (fact === undefined) continue
    const { externalId } = fromMessage(message)
    facts.set(externalId, [...(facts.get(externalId) ?? []), fact])
  }
  const offers = await shop.query<{ id: string; state: string; content: OfferContent }>(
    'SELECT external_id AS id, state, content FROM offers'
  )
  const stored = new Map(offers.map((offer) => [offer.id, offer]))
  const wrong = [...new Set([...facts.keys(), ...stored.keys()])].filter((id) => {
    const content = modelOf(facts.get(id) ?? [])
    const offer = stored.get(id)
    return !isDeepStrictEqual(offer?.content, content) || offer?.state !== (stateOf(content) ?? 'incomplete')
  })
  return {
    what: 'every offer is what the model says, and there is no other',
    ok: facts.size > 0 && wrong.length === 0,
    figure: `${stored.size} offers of ${facts.size}, ${wrong.length} different${some(wrong)}`
  }
}

/** Whoever follows the changes of an offer by revision ends with its content, and never meets a gap or a surprise. */
export const changesAddUp = async (shop: Pick<Workshop, 'query'>): Promise<Finding> => {
  const offers = await shop.query<{ id: string; state: string; revision: number; content: OfferContent }>(
    'SELECT external_id AS id, state, revision, content FROM offers'
  )
  const changes = await shop.query<{
    id: string
    revision: number
    units: Record<string, { old?: unknown; new?: unknown }>
  }>('SELECT external_id AS id, revision, units FROM offer_history ORDER BY external_id, revision')
  const byOffer = Map.groupBy(changes, ({ id }) => id)
  const wrong = offers.filter(({ id, state, revision, content }) => {
    const own = byOffer.get(id) ?? []
    const seen: Record<string, unknown> = {}
    const isSound = own.every((change, index) => {
      const units = Object.entries(change.units)
      const isTrue = units.every(([unit, value]) => isDeepStrictEqual(seen[unit], value.old))
      for (const [unit, { new: value }] of units) {
        if (value === undefined) delete seen[unit]
        else seen[unit] = value
      }
      return isTrue && units.length > 0 && change.revision === index + 1
    })
    const isSame = state === 'incomplete' ? own.length === 0 : isDeepStrictEqual(seen, content)
    return !isSound || !isSame || own.length !== revision
  })
  return {
    what: 'the changes of every offer are gapless and come to its content',
    ok: changes.length > 0 && wrong.length === 0,
    figure: `${changes.length} changes, ${wrong.length} offers told wrongly${some(wrong.map(({ id }) => id))}`
  }
}

/** Queues with something in them, `dead.recent` apart; what is being dead-lettered counts. */
const notEmpty = async ({ shop, managementUrl }: Case): Promise<string[]> => {
  const { namespace, topology } = shop.broker
  const url = new URL(managementUrl)
  const authorization = `Basic ${btoa(`${url.username || 'guest'}:${url.password || 'guest'}`)}`
  const query = new URLSearchParams({
    page: '1',
    page_size: '100',
    name: `^${namespace}\\.`,
    use_regex: 'true'
  })
  const answer = await fetch(`${url.origin}/api/queues/%2F?${query.toString()}`, {
    headers: { authorization }
  })
  if (!answer.ok) return [`RabbitMQ's HTTP API answers ${answer.status}`]
  const { items } = (await answer.json()) as { items: QueueFigures[] }
  if (items.length === 0) return ["RabbitMQ's HTTP API knows no queue of ours"]
  return items
    .filter(({ name }) => name !== topology.queues.recent)
    .flatMap(({ name, messages = -1, messages_dlx: dlx = 0 }) =>
      messages + dlx === 0
        ? []
        : [`${name} ${messages}${dlx === 0 ? '' : ` and ${dlx} on their way to the dead`}`]
    )
}

interface QueueFigures {
  name: string
  /** Absent as long as the API has no figures yet. */
  messages?: number
  messages_dlx?: number
}

/** Each batch line accounts for every message of its batch. */
const countersAddUp = (workers: readonly Running[]): Finding => {
  const lines = workers.flatMap((worker) => worker.lines()).filter(({ msg }) => msg === 'batch settled')
  const number = (value: unknown): number => (typeof value === 'number' ? value : 0)
  const wrong = lines.filter((line) => {
    const told = TOLD.reduce((sum, outcome) => sum + number(line[outcome]), 0)
    return line['lane'] !== 'dead' && told !== number(line['size'])
  })
  return {
    what: 'the figures of every batch add up',
    ok: lines.length > 0 && wrong.length === 0,
    figure: `${lines.length} batches, ${wrong.length} do not`
  }
}

const TOLD = [
  'created',
  'updated',
  'unchanged',
  'stale',
  'withdrawn',
  'incomplete',
  'rejected',
  'retried',
  'dead',
  'held'
] as const

const keys = async (shop: Workshop, sql: string): Promise<Set<string>> =>
  new Set((await shop.query<{ key: string }>(sql)).map(({ key }) => key))

const some = (ids: readonly string[]): string => (ids.length === 0 ? '' : `: ${ids.slice(0, 3).join(', ')}`)
