import type { FastifyInstance, FastifyReply } from 'fastify'
import { recordHash, type Envelope } from '@sluice/shared/envelope'
import type { Format } from '@sluice/shared/formats'
import type { Logger } from '@sluice/shared/log'
import type { Micros } from '@sluice/shared/time'
import { paused, type Accept } from '../accept.ts'
import type { Admit, DoorRequest, DoorRoute } from '../admit.ts'
import { readBody, type ReadBody, type SplitRecord } from '../bodies/index.ts'
import { startBudget } from '../budget.ts'
import { toEvent, type Duplicates, type Event } from '../duplicates/duplicates.ts'
import type { Metrics } from '../metrics/metrics.ts'
import { receivableFormat, type FindFormat } from '../receivable-format.ts'
import '../request-facts.ts'
import { RECEIVE_SCHEMA, type Accepted, type Duplicate } from '../schemas.ts'
import type { Source } from '../source-store.ts'
import { traceparentOf } from '../trace.ts'

export interface WebhookDeps {
  admit: Pick<Admit, 'identify' | 'limit'>
  duplicates: Pick<Duplicates, 'find' | 'remember'>
  findFormat: FindFormat
  accept: Accept
  metrics: Pick<Metrics, 'timed' | 'timedAsync' | 'inFlight'>
  log: Logger
}

/**
 * `POST /webhooks/:source`. The order of work is plan §2: size (while the body arrives) → source, sender and quota
 * (`admit.ts`) → paused → seen before → records → accept → remember; 202 only when every record is confirmed by the
 * broker or committed to the outbox.
 */
export const registerWebhooks = (app: FastifyInstance, deps: WebhookDeps): void => {
  app.post<DoorRoute>('/webhooks/:source', { schema: RECEIVE_SCHEMA }, async (request, reply) => {
    deps.metrics.inFlight(1)
    try {
      return await receive(deps, request, reply)
    } finally {
      deps.metrics.inFlight(-1)
    }
  })
}

const receive = async (
  { admit, duplicates, findFormat, accept, metrics, log }: WebhookDeps,
  request: DoorRequest,
  reply: FastifyReply
): Promise<Accepted | Duplicate | FastifyReply> => {
  const { headers, body = Buffer.alloc(0), facts } = request
  const budget = startBudget(request.arrival.steadyMs)
  const receivedAt = request.arrival.at
  facts.bytes = body.length

  const { source, authentication } = await admit.identify(request)
  const { challenge, eventId } = authentication
  const seen = (event: Event) => metrics.timedAsync('duplicates', () => duplicates.find(event))
  // What is known by its id alone is looked for while the quota is counted: one question to Redis, judged one by one.
  const byId =
    eventId === undefined || findFormat(source.format)?.sharesEventIds === true
      ? undefined
      : toEvent(source.id, eventId)
  const [seenById] = await Promise.all([byId && seen(byId), admit.limit(request, reply, source)])
  if (challenge !== undefined) {
    facts.outcome = 'challenge'
    return reply.code(challenge.status).type(challenge.contentType).send(challenge.body)
  }
  if (source.isPaused && source.onPaused !== 'accept') throw paused()
  const format = receivableFormat(source, findFormat, log)

  const read = () => metrics.timed('read', () => readBody({ headers, body }, source, format))
  const content = format.sharesEventIds === true ? read() : undefined
  const event = byId ?? (eventId === undefined ? undefined : toEvent(source.id, eventId, idsOf(content)))
  const first = event === byId ? seenById : event && (await seen(event))
  if (first !== undefined) {
    facts.outcome = 'duplicate'
    facts.duplicateOf = first
    reply.code(200)
    return { id: first, duplicate: true }
  }
  const { records, reply: acknowledgement } = content ?? read()
  facts.records = records.length

  const traceparent = traceparentOf(headers.traceparent)
  facts.traceparent = traceparent
  const envelopes = records.map((record) =>
    toEnvelope(record, {
      source,
      format,
      deliveryId: request.id,
      receivedAt,
      traceparent,
      recordCount: records.length
    })
  )
  const fromTheFuture = envelopes.filter(({ factAt }) => factAt > receivedAt).length
  if (fromTheFuture > 0) facts.fromTheFuture = fromTheFuture

  const { outboxed } = await metrics.timedAsync('publish', () => accept(envelopes, source, budget))
  if (outboxed > 0) facts.outboxed = outboxed
  // Behind the answer: who dies in between leaves a copy that is published once more, and merged.
  if (event !== undefined) duplicates.remember(event, request.id)
  facts.outcome = 'accepted'
  if (acknowledgement !== undefined) {
    return reply.code(acknowledgement.status).type(acknowledgement.contentType).send(acknowledgement.body)
  }
  reply.code(202)
  return { id: request.id, records: records.length }
}

const idsOf = (content: ReadBody | undefined): readonly string[] =>
  content?.records.map(({ externalId }) => externalId) ?? []

interface Reception {
  source: Source
  format: Format
  deliveryId: string
  receivedAt: Micros
  traceparent: string
  recordCount: number
}

const toEnvelope = (
  { index, body, externalId, factAt }: SplitRecord,
  { source, format, deliveryId, receivedAt, traceparent, recordCount }: Reception
): Envelope => ({
  messageId: `${deliveryId}.${index}`,
  type: 'record',
  vendor: source.vendor,
  source: source.slug,
  format: format.name,
  formatVersion: format.formatVersion,
  lane: 'webhook',
  externalId,
  factAt: factAt ?? receivedAt,
  factAtFrom: factAt === undefined ? 'receipt' : 'record',
  receivedAt,
  ordinal: index,
  ...(recordCount > 1 ? { recordCount } : {}),
  recordHash: recordHash(body),
  sourceRevision: source.revision,
  attempt: 0,
  traceparent,
  body
})
