/**
 * The exchanges and queues of the house as data (plan §4). Correctness is in queue arguments, which are immutable:
 * a change is a new `.vN` and a drain. Tunables are policies and are not set here.
 */

export const DEFAULT_NAMESPACE = 'sluice'

/** Steps of the retry ladder, in climbing order: 73 minutes from first to last. */
export const RETRY_STEPS = [
  { name: '5s', ttlMs: 5_000 },
  { name: '30s', ttlMs: 30_000 },
  { name: '2m', ttlMs: 120_000 },
  { name: '10m', ttlMs: 600_000 },
  { name: '1h', ttlMs: 3_600_000 }
] as const

/** RabbitMQ 4 defaults to 20 and would then drop; nothing may be dropped from the dead. */
const NO_DELIVERY_LIMIT = 2_147_483_647
const LANE_DELIVERY_LIMIT = 20
const QUARANTINE_DELIVERY_LIMIT = 3
const RECENT_MAX_LENGTH = 1_000
const RECENT_TTL_MS = 7 * 24 * 3_600_000

export interface ExchangeSpec {
  name: string
  type: 'topic' | 'fanout'
}

export interface QueueSpec {
  name: string
  arguments: Readonly<Record<string, string | number>>
}

export interface BindingSpec {
  exchange: string
  queue: string
  routingKey: string
}

export interface Topology {
  namespace: string
  exchanges: { records: string; requeue: string; retry: string; dead: string; offers: string }
  queues: { webhook: string; feed: string; quarantine: string; dead: string; recent: string }
  exchangeSpecs: readonly ExchangeSpec[]
  queueSpecs: readonly QueueSpec[]
  bindingSpecs: readonly BindingSpec[]
  /** Of releases before: taken away where they still are. */
  obsoleteBindingSpecs: readonly BindingSpec[]
}

/** Every name prefixed by `namespace`, so that many houses (and test runs) share a broker. */
export const createTopology = (namespace: string = DEFAULT_NAMESPACE): Topology => {
  const name = (part: string): string => `${namespace}.${part}`
  const exchanges = {
    records: name('records'),
    requeue: name('requeue'),
    retry: name('retry'),
    dead: name('dead'),
    offers: name('offers')
  }
  const queues = {
    webhook: name('webhook.v1'),
    feed: name('feed.v1'),
    quarantine: name('quarantine.v1'),
    dead: name('dead.v1'),
    recent: name('dead.recent.v1')
  }
  const lane = (limit: number): QueueSpec['arguments'] => ({
    'x-queue-type': 'quorum',
    'x-overflow': 'reject-publish',
    'x-dead-letter-exchange': exchanges.dead,
    'x-dead-letter-strategy': 'at-least-once',
    'x-delivery-limit': limit
  })
  const retryQueue = (step: string): string => name(`retry.${step}.v1`)

  return {
    namespace,
    exchanges,
    queues,
    exchangeSpecs: [
      { name: exchanges.records, type: 'topic' },
      { name: exchanges.requeue, type: 'topic' },
      { name: exchanges.retry, type: 'topic' },
      { name: exchanges.dead, type: 'fanout' },
      { name: exchanges.offers, type: 'topic' }
    ],
    queueSpecs: [
      { name: queues.webhook, arguments: lane(LANE_DELIVERY_LIMIT) },
      { name: queues.feed, arguments: lane(LANE_DELIVERY_LIMIT) },
      { name: queues.quarantine, arguments: lane(QUARANTINE_DELIVERY_LIMIT) },
      ...RETRY_STEPS.map((step) => ({
        name: retryQueue(step.name),
        arguments: {
          'x-queue-type': 'quorum',
          'x-overflow': 'reject-publish',
          'x-message-ttl': step.ttlMs,
          // No x-dead-letter-routing-key: the key `<step>.<lane>` is kept and finds its lane again.
          'x-dead-letter-exchange': exchanges.requeue,
          'x-dead-letter-strategy': 'at-least-once'
        }
      })),
      {
        name: queues.dead,
        arguments: {
          'x-queue-type': 'quorum',
          'x-overflow': 'reject-publish',
          'x-delivery-limit': NO_DELIVERY_LIMIT
        }
      },
      {
        name: queues.recent,
        arguments: {
          'x-queue-type': 'quorum',
          'x-overflow': 'drop-head',
          'x-max-length': RECENT_MAX_LENGTH,
          'x-message-ttl': RECENT_TTL_MS,
          'x-delivery-limit': NO_DELIVERY_LIMIT
        }
      }
    ],
    bindingSpecs: [
      { exchange: exchanges.records, queue: queues.webhook, routingKey: 'webhook.#' },
      { exchange: exchanges.records, queue: queues.feed, routingKey: 'feed.#' },
      { exchange: exchanges.requeue, queue: queues.webhook, routingKey: '*.webhook' },
      { exchange: exchanges.requeue, queue: queues.feed, routingKey: '*.feed' },
      { exchange: exchanges.requeue, queue: queues.quarantine, routingKey: '*.quarantine' },
      ...RETRY_STEPS.map((step) => ({
        exchange: exchanges.retry,
        queue: retryQueue(step.name),
        routingKey: `${step.name}.*`
      })),
      { exchange: exchanges.dead, queue: queues.dead, routingKey: '' },
      // A letter that could not be stored comes back from the ladder.
      { exchange: exchanges.requeue, queue: queues.dead, routingKey: '*.dead' },
      // Not bound to `dead`: if nothing led to the dead, it would take what dies, and the broker would confirm that.
      { exchange: exchanges.requeue, queue: queues.recent, routingKey: '*.recent' }
    ],
    obsoleteBindingSpecs: [{ exchange: exchanges.dead, queue: queues.recent, routingKey: '' }]
  }
}
