import { expect, it } from 'vitest'
import { toReadiness, type HealthDeps } from './health.ts'

const deps = (away: Partial<HealthDeps> = {}): HealthDeps => ({
  broker: () => 'ready',
  postgres: () => true,
  redis: () => true,
  isUsable: () => true,
  isStopping: () => false,
  ...away
})

const CASES: readonly [string, Partial<HealthDeps>, string][] = [
  ['everything is there', {}, 'ready'],
  ['Redis is away', { redis: () => false }, 'degraded'],
  ['Postgres is away and copies still count', { postgres: () => false }, 'degraded'],
  ['the broker has no room this moment', { broker: () => 'saturated' }, 'degraded'],
  ['the broker is away, and there is the outbox', { broker: () => 'down' }, 'degraded'],
  ['the broker blocks, and there is the outbox', { broker: () => 'blocked' }, 'degraded'],
  ['neither the broker nor the outbox is there', { broker: () => 'down', postgres: () => false }, 'down'],
  ['no source can be looked up', { postgres: () => false, isUsable: () => false }, 'down'],
  ['it is stopping', { isStopping: () => true }, 'down']
]

it.each(CASES)('when %s', (_, away, status) => {
  expect(toReadiness(deps(away))).toMatchObject({ status, ok: status !== 'down' })
})
