import type { FastifyInstance } from 'fastify'
import { nowMicros, type Micros } from '@sluice/shared/time'
import { Refusal } from './errors.ts'
import { LONGEST_IN_LINE_MS } from './limits.ts'
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
    /** It waits for its turn. */
    isInLine: boolean
  }
}

/**
 * Requests to the routes of `app` begin when it is their turn at `turnstile`, where each connection has its own. When the
 * line is too long for more of one, or it has taken too long, they are answered 503 `GATEWAY_BUSY`. Of one whose sender has
 * hung up meanwhile nothing is done.
 */
export const takeTurns = (app: FastifyInstance, turnstile: Turnstile): void => {
  app.decorateRequest('arrival')
  app.decorateRequest('isInLine', false)
  app.addHook('preValidation', (request, _reply, done) => {
    const steadyMs = performance.now()
    const { socket } = request.raw
    request.arrival = { at: nowMicros(), steadyMs }
    request.isInLine = true
    const begin = (): void => {
      request.isInLine = false
      if (socket.destroyed) return
      if (performance.now() - steadyMs > LONGEST_IN_LINE_MS) done(busy())
      else done()
    }
    if (turnstile.enter(socket, begin)) return
    request.isInLine = false
    done(busy())
  })
}

const busy = (): Refusal =>
  new Refusal(
    'GATEWAY_BUSY',
    'Too many requests wait already. Nothing was stored; send the same request again.'
  )
