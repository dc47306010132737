import { describe, expect, test } from 'vitest'
import { createTopology, DEFAULT_NAMESPACE, RETRY_STEPS } from './topology.ts'

const topology = createTopology('test')
const argumentsOf = (queue: string): Readonly<Record<string, string | number>> | undefined =>
  topology.queueSpecs.find(({ name }) => name === queue)?.arguments

/** Whether a topic binding takes a key: `*` is one word, `#` any number of them. */
const takes = (pattern: string, key: string): boolean =>
  new RegExp(`^${pattern.replaceAll('.', '\\.').replaceAll('*', '[^.]+').replace('\\.#', '(\\..*)?')}$`).test(
    key
  )

const queuesFor = (exchange: string, key: string): string[] =>
  topology.bindingSpecs
    .filter(
      (binding) =>
        binding.exchange === exchange && (binding.routingKey === '' || takes(binding.routingKey, key))
    )
    .map(({ queue }) => queue)

test('every name carries the namespace, so that houses can share a broker', () => {
  const names = [...topology.exchangeSpecs, ...topology.queueSpecs].map(({ name }) => name)
  expect(names.every((name) => name.startsWith('test.'))).toBe(true)
  expect(new Set(names).size).toBe(names.length)
  expect(createTopology().namespace).toBe(DEFAULT_NAMESPACE)
})

test('every binding joins an exchange and a queue that exist, and no queue is unbound', () => {
  const exchanges = topology.exchangeSpecs.map(({ name }) => name)
  const queues = topology.queueSpecs.map(({ name }) => name)
  for (const { exchange, queue } of topology.bindingSpecs) {
    expect(exchanges).toContain(exchange)
    expect(queues).toContain(queue)
  }
  expect(new Set(topology.bindingSpecs.map(({ queue }) => queue))).toEqual(new Set(queues))
})

describe('routing', () => {
  const { exchanges, queues } = topology

  test.each([
    [exchanges.records, 'webhook.acme-crm', queues.webhook],
    [exchanges.records, 'feed.acme-kyero', queues.feed],
    [exchanges.requeue, '5s.webhook', queues.webhook],
    [exchanges.requeue, 'replay.feed', queues.feed],
    [exchanges.requeue, '0.quarantine', queues.quarantine],
    [exchanges.requeue, '10m.dead', queues.dead],
    ...RETRY_STEPS.map(({ name }) => [exchanges.retry, `${name}.feed`, `test.retry.${name}.v1`])
  ])('%s %s goes to %s alone', (exchange, key, queue) => expect(queuesFor(exchange, key)).toEqual([queue]))

  test('a key that waited on the ladder finds its lane again', () => {
    for (const { name } of RETRY_STEPS) {
      expect(argumentsOf(`test.retry.${name}.v1`)).toMatchObject({
        'x-dead-letter-exchange': exchanges.requeue
      })
      expect(argumentsOf(`test.retry.${name}.v1`)).not.toHaveProperty('x-dead-letter-routing-key')
      expect(queuesFor(exchanges.requeue, `${name}.webhook`)).toEqual([queues.webhook])
    }
  })

  test('what dies goes to the dead alone: no other queue can take it in their place and have it confirmed', () => {
    expect(queuesFor(exchanges.dead, 'webhook.acme-crm')).toEqual([queues.dead])
    expect(queuesFor(exchanges.requeue, 'record.recent')).toEqual([queues.recent])
  })
})

describe('nothing is lost quietly', () => {
  const { queues, exchanges } = topology
  const lossless = topology.queueSpecs.filter(({ name }) => name !== queues.recent)

  test('every queue is a quorum queue', () => {
    for (const spec of topology.queueSpecs) expect(spec.arguments['x-queue-type']).toBe('quorum')
  })

  test('every queue but the show-case refuses when full, and dead-letters at least once', () => {
    for (const { name, arguments: given } of lossless) {
      expect(given['x-overflow'], name).toBe('reject-publish')
      if (name !== queues.dead) expect(given['x-dead-letter-strategy'], name).toBe('at-least-once')
    }
  })

  test('lanes give up to the dead, the quarantine sooner', () => {
    for (const lane of [queues.webhook, queues.feed]) {
      expect(argumentsOf(lane)).toMatchObject({
        'x-dead-letter-exchange': exchanges.dead,
        'x-delivery-limit': 20
      })
    }
    expect(argumentsOf(queues.quarantine)).toMatchObject({ 'x-delivery-limit': 3 })
  })

  test('the dead are never bounded and never dropped', () => {
    expect(argumentsOf(queues.dead)).not.toHaveProperty('x-max-length')
    expect(argumentsOf(queues.dead)).toMatchObject({ 'x-delivery-limit': 2_147_483_647 })
  })

  test('the show-case is bounded in length and age', () => {
    expect(argumentsOf(queues.recent)).toMatchObject({ 'x-overflow': 'drop-head', 'x-max-length': 1_000 })
    expect(argumentsOf(queues.recent)).toHaveProperty('x-message-ttl')
  })

  test('the ladder climbs, 73 minutes in all', () => {
    const steps = RETRY_STEPS.map(({ ttlMs }) => ttlMs)
    expect(steps).toEqual(steps.toSorted((a, b) => a - b))
    expect(Math.round(steps.reduce((sum, step) => sum + step, 0) / 60_000)).toBe(73)
  })
})
