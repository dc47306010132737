import type { FastifyReply, FastifyRequest } from 'fastify'
import { SluiceError } from '@sluice/shared/errors'
import type { Logger } from '@sluice/shared/log'
import type { Sampler } from '@sluice/shared/sampler'
import { addressOf } from './address.ts'
import './request-facts.ts'

/** Of a code: who sends thousands a second, forgeries or what is none of ours, does not fill the log with them. */
export const REFUSAL_LINES = { burst: 20, everyMs: 1_000 }

export interface AccessLogOptions {
  log: Logger
  /** Whether a refusal of a stranger has a line. */
  sample: Sampler
}

/**
 * The one line of a request: what came, what became of it, how long it took. Deliveries are `info`, the rest `debug`. A
 * flood of refusals of whoever has not shown that he is known is one line a second and code; its `alike` says how many
 * went unsaid since the one before.
 *
 * A line is plain text and numbers of our own choice, so redaction has nothing to look into; looking all the same, into
 * each of fourteen values, would take as long as a tenth of everything else a request needs.
 */
export const createAccessLog = ({
  log: parentLog,
  sample
}: AccessLogOptions): ((request: FastifyRequest, reply: FastifyReply) => void) => {
  const log = parentLog.child({}, { redact: [] })

  return (request, reply) => {
    const { refusal, ...facts } = request.facts
    const isStranger = facts.keyId === undefined && facts.secretId === undefined
    const alike = refusal !== undefined && isStranger ? sample(refusal.code) : 0
    if (alike === undefined) return
    const route = request.routeOptions.url ?? '(unknown)'
    const line = {
      requestId: request.id,
      method: request.method,
      route,
      status: reply.statusCode,
      ...facts,
      ...(refusal === undefined ? {} : refusalFacts(refusal)),
      ...(alike > 0 ? { alike } : {}),
      address: addressOf(request),
      durationMs: Math.round(reply.elapsedTime * 10) / 10
    }
    if (!route.startsWith('/webhooks/')) log.debug(line, 'request answered')
    else if (refusal === undefined) log.info(line, isDelivery(facts) ? 'hook accepted' : 'hook answered')
    else if (refusal.status < 500) log.info(line, 'hook refused')
    else log.warn(line, 'hook failed')
  }
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
