import type { FastifyReply, FastifyRequest } from 'fastify'
import { SluiceError } from '@sluice/shared/errors'
import type { Logger } from '@sluice/shared/log'
import './request-facts.ts'

/** The one line of a request: what came, what became of it, how long it took. Deliveries are `info`, the rest `debug`. */
export const logRequest = (log: Logger, request: FastifyRequest, reply: FastifyReply): void => {
  const { refusal, ...facts } = request.facts
  const route = request.routeOptions.url ?? '(unknown)'
  const line = {
    requestId: request.id,
    method: request.method,
    route,
    status: reply.statusCode,
    ...facts,
    ...(refusal === undefined ? {} : refusalFacts(refusal)),
    address: request.ip,
    durationMs: Math.round(reply.elapsedTime * 10) / 10
  }
  if (!route.startsWith('/webhooks/')) log.debug(line, 'request answered')
  else if (refusal === undefined) log.info(line, isDelivery(facts) ? 'hook accepted' : 'hook answered')
  else if (refusal.status < 500) log.info(line, 'hook refused')
  else log.warn(line, 'hook failed')
}

/** A delivery in earnest, not a validation or a question what became of one. */
const isDelivery = ({ outcome }: FastifyRequest['facts']): boolean =>
  outcome !== undefined && outcome !== 'validated'

const refusalFacts = ({
  code,
  index,
  path,
  position,
  cause
}: NonNullable<FastifyRequest['facts']['refusal']>): Record<string, unknown> => ({
  code,
  ...(index === undefined ? {} : { index }),
  ...(path === undefined ? {} : { path }),
  ...(position === undefined ? {} : { offset: position.offset }),
  ...(cause instanceof SluiceError ? { cause: cause.code } : {})
})
