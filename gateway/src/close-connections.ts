import type { FastifyInstance } from 'fastify'

const SWEEP_EVERY_MS = 50

/**
 * Makes `app.close()` end. Node closes the connections that are idle at that moment and then waits for the others,
 * for ever: a connection whose last answer was under way stays open as keep-alive, and while a server is closing
 * Node no longer enforces its request timeout. So every answer from then on says `Connection: close`, what falls
 * idle is closed, and after `graceMs` so is what is still open: a body that never came was never accepted.
 */
export const closeConnections = (app: FastifyInstance, graceMs: number): void => {
  let isClosing = false

  app.addHook('preClose', async () => {
    isClosing = true
    const sweep = setInterval(() => app.server.closeIdleConnections(), SWEEP_EVERY_MS)
    const end = setTimeout(() => app.server.closeAllConnections(), graceMs)
    app.server.once('close', () => {
      clearInterval(sweep)
      clearTimeout(end)
    })
  })
  app.addHook('onSend', async (_request, reply) => {
    if (isClosing) reply.header('connection', 'close')
  })
}
