import type { FastifyInstance } from 'fastify'
import { nowMicros, type Micros } from '@sluice/shared/time'
import { Refusal } from './errors.ts'
import './request-facts.ts'
import type { Turnstile } from './turnstile.ts'

/** When a request was complete, its body included, by both clocks: what follows is measured by the steady one. */
export interface Arrival {
  at: Micros
  /** Of `performance.now()`. */
  steadyMs: number
}

declare module 'fastify' {
  interface FastifyRequest {
    arrival: Arrival
  }
}

/**
 * Requests to the routes of `app` begin when it is their turn at `turnstile`, where each connection has its own; when the
 * line is too long for more of one, they are answered 503 `GATEWAY_BUSY`. Of one whose sender has hung up meanwhile nothing
 * is done.
 */
export const takeTurns = (app: FastifyInstance, turnstile: Turnstile): void => {
  app.decorateRequest('arrival')
  app.addHook('preValidation', (request, _reply, done) => {
    request.arrival = { at: nowMicros(), steadyMs: performance.now() }
    const isInLine = turnstile.enter(request.raw.socket, () => {
      if (!request.response.destroyed) done()
    })
    if (!isInLine) done(busy())
  })
}

const busy = (): Refusal =>
  new Refusal(
    'GATEWAY_BUSY',
    'Too many requests of your connection wait already. Nothing was stored; send the same request again.'
  )
