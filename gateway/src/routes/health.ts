import type { FastifyInstance } from 'fastify'
import type { PublisherStatus } from '@sluice/shared/broker'
import { LIVE_SCHEMA, READY_SCHEMA } from '../schemas.ts'

export interface HealthDeps {
  broker: () => PublisherStatus
  /** Whether Postgres answers. */
  postgres: () => boolean
  redis: () => boolean
  /** Whether sources can be looked up: from Postgres, or from copies that still count. */
  isUsable: () => boolean
  isStopping: () => boolean
}

export interface Readiness {
  /** `ready`: everything is there. `degraded`: deliveries are accepted, slower or into the outbox. `down`: none can be accepted now. */
  status: 'ready' | 'degraded' | 'down'
  ok: boolean
  parts: { broker: PublisherStatus; postgres: 'up' | 'down'; redis: 'up' | 'down' }
}

/** Pure: what the states of the parts mean for a load balancer. */
export const toReadiness = (deps: HealthDeps): Readiness => {
  const broker = deps.broker()
  const parts = { broker, postgres: upOrDown(deps.postgres()), redis: upOrDown(deps.redis()) }
  const isDurable = broker === 'ready' || broker === 'saturated' || parts.postgres === 'up' // else the outbox
  const accepts = isDurable && deps.isUsable() && !deps.isStopping()
  const isWhole = broker === 'ready' && parts.postgres === 'up' && parts.redis === 'up'
  return { status: accepts ? (isWhole ? 'ready' : 'degraded') : 'down', ok: accepts, parts }
}

const upOrDown = (isUp: boolean): 'up' | 'down' => (isUp ? 'up' : 'down')

/** `/livez`: restart me, or send elsewhere, when this fails. `/readyz`: whether deliveries are accepted, and what is away. */
export const registerHealth = (app: FastifyInstance, deps: HealthDeps): void => {
  app.get('/livez', { schema: LIVE_SCHEMA }, async (_request, reply) => {
    reply.header('cache-control', 'no-store')
    return { ok: true }
  })
  app.get('/readyz', { schema: READY_SCHEMA }, async (_request, reply) => {
    const readiness = toReadiness(deps)
    reply.code(readiness.ok ? 200 : 503).header('cache-control', 'no-store')
    return readiness
  })
}
