import { Server } from 'node:net'
import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import type { FastifyInstance } from 'fastify'

export interface ClosingTimes {
  /** How long a connection on which nothing is under way stays open for the request that may be on its way. */
  idleMs: number
  /** When whatever is still open is cut: a body that never came was never accepted. */
  endMs: number
}

const SWEEP_EVERY_MS = 50
/** However many go on connecting meanwhile. */
const TAKE_FOR_MS = 250

/**
 * Takes every connection that stands in line, and then no more; those that are open stay open. To be called right
 * before `app.close()`, from which on Fastify tells everybody to leave, and who leaves connects again.
 */
export const stopListening = async (server: Server): Promise<void> => {
  const startedAt = performance.now()
  let taken = 0
  const count = (): number => (taken += 1)
  server.on('connection', count)
  // Node takes one connection a turn of its loop, and the kernel resets those that were never taken.
  for (let before = -1; taken > before && performance.now() - startedAt < TAKE_FOR_MS;) {
    before = taken
    await turn()
    await turn() // between the two was a whole poll
  }
  server.off('connection', count)
  endListening(server)
}

/**
 * Makes `app.close()` answer every request of which a byte was read, and end. Node alone would hang up at once on every
 * connection that is idle, and answer a request that is on its way just then with a reset. Here every answer says
 * `Connection: close`, so that who is sending leaves; after `idleMs` who is idle is hung up on, after `endMs` everybody.
 *
 * Two resets nobody can prevent, each before we had read a byte: of a connection the kernel made between our last look
 * at the line and the end of listening, and of a request that crosses our hanging up on who was idle for `idleMs`.
 */
export const closeConnections = (app: FastifyInstance, { idleMs, endMs }: ClosingTimes): void => {
  const { server } = app
  const openConnections = promisify(server.getConnections.bind(server))
  let isClosing = false

  app.addHook('preClose', async () => {
    isClosing = true
    endListening(server)
    const startedAt = performance.now()
    while ((await openConnections()) > 0) {
      const elapsedMs = performance.now() - startedAt
      await turn() // right behind the poll: what has arrived has been read, so its connection is not idle
      if (elapsedMs >= endMs) server.closeAllConnections()
      else if (elapsedMs >= idleMs) server.closeIdleConnections()
      await sleep(SWEEP_EVERY_MS)
    }
  })
  app.addHook('onSend', (_request, reply, payload, done) => {
    if (isClosing) reply.header('connection', 'close')
    done(null, payload)
  })
}

/** Not as an HTTP server closes: that hangs up on the idle at once, and stops enforcing the timeouts of requests. */
const endListening = (server: Server): void => {
  if (server.listening) Server.prototype.close.call(server)
}
