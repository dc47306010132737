import {
  fastify,
  LogController,
  type FastifyBaseLogger,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest
} from 'fastify'
import type { Logger } from '@sluice/shared/log'
import { createSampler } from '@sluice/shared/sampler'
import type { Reporter } from '@sluice/shared/sentry'
import { createAccessLog, REFUSAL_LINES } from './access-log.ts'
import { createAdmit, type AdmitDeps } from './admit.ts'
import { toTellable } from './bug.ts'
import { readBodies } from './body-reader.ts'
import type { BodyRoom } from './body-room.ts'
import { answerClientError } from './client-error.ts'
import { closeConnections } from './close-connections.ts'
import { capConnections } from './connection-cap.ts'
import { createDeliveryId } from './delivery-id.ts'
import { Refusal } from './errors.ts'
import { createInHand } from './in-hand.ts'
import {
  HEADERS_TIMEOUT_MS,
  IDLE_GRACE_MS,
  KEEP_ALIVE_TIMEOUT_MS,
  MAX_BODY_BYTES,
  REQUEST_TIMEOUT_MS,
  TIMEOUT_CHECK_MS
} from './limits.ts'
import type { Metrics } from './metrics/metrics.ts'
import { problemHeaders, toProblem } from './problem.ts'
import { createRateLimit, type RateLimitOptions } from './rate-limit/rate-limit.ts'
import type { Refusals } from './refusals/refusals.ts'
import { toSample } from './refusals/sample.ts'
import './request-facts.ts'
import { registerDeliveries, type DeliveryDeps } from './routes/deliveries.ts'
import { registerDocs } from './routes/docs.ts'
import { registerHealth, type HealthDeps } from './routes/health.ts'
import { refuseOtherMethods } from './routes/other-methods.ts'
import { registerValidate } from './routes/validate.ts'
import { registerWebhooks, type WebhookDeps } from './routes/webhooks.ts'
import { takeTurns } from './take-turns.ts'
import { toRefusal } from './to-refusal.ts'
import type { Turnstile } from './turnstile.ts'

export interface AppDeps {
  log: Logger
  reporter: Pick<Reporter, 'captureError'>
  /** How many proxies in front of us are believed about the caller's address. */
  proxyHops: number
  /** What all bodies together may take. */
  bodyRoom: BodyRoom
  maxConnections: number
  /** Through which requests to a source go on. */
  turnstile: Turnstile
  /** Who may come in, by every door of a source. */
  door: Omit<AdmitDeps, 'limitRate' | 'metrics'>
  rateLimit: RateLimitOptions
  metrics: Metrics
  refusals: Pick<Refusals, 'note'>
  webhooks: Omit<WebhookDeps, 'admit' | 'metrics' | 'log'>
  deliveries: Omit<DeliveryDeps, 'admit'>
  health: HealthDeps
}

/** The HTTP side of the gateway, ready to listen. */
export const buildApp = async ({
  log,
  reporter,
  proxyHops,
  bodyRoom,
  maxConnections,
  turnstile,
  door,
  rateLimit,
  metrics,
  refusals,
  webhooks,
  deliveries,
  health
}: AppDeps): Promise<FastifyInstance> => {
  const answerError = (thrown: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply => {
    const refusal = toRefusal(thrown)
    request.facts.refusal = refusal
    const slug = slugOf(request)
    if (slug !== undefined && refusal.code !== 'SOURCE_UNKNOWN') {
      const isKnown = request.facts.source !== undefined
      refusals.note(slug, refusal.code, isKnown, () => toSample(request, refusal))
    }
    if (refusal.code === 'INTERNAL') {
      const bug = toTellable(thrown)
      log.error({ err: bug, requestId: request.id }, 'request failed unexpectedly')
      reporter.captureError(bug, { requestId: request.id, route: request.routeOptions.url })
    }
    // Fastify hangs up on a body it refused, and a sender still sending would see a reset instead of the answer.
    // The rest of the body is read away instead; whoever sends for ever is cut by the request timeout.
    if (reply.hasHeader('connection') && app.server.listening) reply.removeHeader('connection')
    return reply
      .code(refusal.status)
      .headers(problemHeaders(refusal))
      .send(JSON.stringify(toProblem(refusal, request.id)))
  }

  const loggerInstance: FastifyBaseLogger = log
  const app = fastify({
    loggerInstance,
    logController: new LogController({ disableRequestLogging: true }),
    childLoggerFactory: (logger) => logger, // a request has its one line, and nothing else to log
    genReqId: () => createDeliveryId(),
    requestIdHeader: false,
    trustProxy: proxyHops > 0 && ((_address, hop) => hop < proxyHops),
    bodyLimit: MAX_BODY_BYTES,
    requestTimeout: REQUEST_TIMEOUT_MS,
    keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
    http: {
      headersTimeout: HEADERS_TIMEOUT_MS,
      connectionsCheckingInterval: TIMEOUT_CHECK_MS,
      requireHostHeader: false // Node would answer for us, and say nothing; nobody here asks for it
    },
    // While closing, what arrives on an open connection is still served (`close-connections.ts`).
    return503OnClosing: false,
    clientErrorHandler: (error, socket) => void answerClientError({ log, sample, inHand }, error, socket),
    frameworkErrors: (error, request, reply) => {
      begin(request, reply) // no hook has run: there is no route
      void answerError(error, request, reply)
    }
  })

  const inHand = createInHand(app.server)
  const sample = createSampler(REFUSAL_LINES)
  // What else a sender expects is its own affair; Node would refuse it, and say nothing.
  app.server.on('checkExpectation', (request, response) => app.server.emit('request', request, response))

  app.server.on('connect', ({ socket }) => {
    socket.on('error', () => undefined) // nobody else listens: Node has let go of it
    void answerClientError({ log, sample, inHand }, { code: 'CONNECT' }, socket)
  })

  // Schemas are documentation here. Fastify's validator coerces and strips, and a body is never silently changed.
  app.setValidatorCompiler(() => () => true)
  app.setSerializerCompiler(() => (data) => JSON.stringify(data))

  app.decorateRequest('facts')
  app.decorateRequest('response')
  app.addHook('onRequest', (request, reply, done) => {
    begin(request, reply)
    done()
  })
  const logRequest = createAccessLog({ log, sample })
  app.addHook('onResponse', (request, reply, done) => {
    logRequest(request, reply)
    const { source, outcome, refusal } = request.facts
    if (slugOf(request) !== undefined) {
      metrics.answered(source, refusal?.code ?? outcome ?? 'answered', reply.statusCode, reply.elapsedTime)
    }
    done()
  })
  readBodies(app, bodyRoom)
  capConnections(app.server, maxConnections, log)
  closeConnections(app, { idleMs: IDLE_GRACE_MS, endMs: REQUEST_TIMEOUT_MS })
  app.setErrorHandler(answerError)
  app.setNotFoundHandler(() => {
    throw new Refusal('ROUTE_UNKNOWN', 'There is nothing at this address. Send to POST /webhooks/{source}.')
  })

  await registerDocs(app)
  const limitRate = await createRateLimit(app, rateLimit)
  const admit = createAdmit({ ...door, limitRate, metrics })
  await app.register(async (routes) => {
    const refuseOthers = refuseOtherMethods(routes)
    await routes.register(async (doors) => {
      takeTurns(doors, turnstile)
      registerWebhooks(doors, { ...webhooks, admit, metrics, log })
      registerValidate(doors, { findFormat: webhooks.findFormat, admit, log })
      registerDeliveries(doors, { ...deliveries, admit })
    })
    registerHealth(routes, health)
    refuseOthers()
  })
  return app
}

/** The name in the address of a door; `undefined` for any other address. */
const slugOf = ({ params, routeOptions }: FastifyRequest): string | undefined =>
  routeOptions.url?.startsWith('/webhooks/:source') === true
    ? (params as { source: string }).source
    : undefined

const begin = (request: FastifyRequest, reply: FastifyReply): void => {
  request.facts = {}
  request.response = reply.raw
  reply.headers({ 'x-request-id': request.id, 'x-content-type-options': 'nosniff' })
}
