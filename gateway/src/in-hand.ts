import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

interface Exchange {
  request: IncomingMessage
  response: ServerResponse
}

/**
 * Which requests of a connection have come whole and are not answered yet. A sender may write the next request before
 * it has the answer to this one, and what answers a broken one past the server must not overtake it.
 */
export interface InHand {
  /** Resolves when they are answered, or their connection has ended. */
  answered: (socket: Socket) => Promise<void>
}

export const createInHand = (server: Server): InHand => {
  const exchanges = new WeakMap<Socket, Exchange[]>()

  server.on('request', (request, response) => {
    const ours = exchanges.get(request.socket)
    if (ours === undefined) exchanges.set(request.socket, [{ request, response }])
    else {
      while (ours[0] !== undefined && !isOpen(ours[0])) ours.shift() // answers leave in the order of their requests
      ours.push({ request, response })
    }
  })

  return {
    answered: async (socket) => {
      const whole = exchanges.get(socket)?.filter((one) => isOpen(one) && one.request.complete) ?? []
      await Promise.all(
        whole.map(({ response }) => new Promise((resolve) => response.once('close', resolve)))
      )
    }
  }
}

const isOpen = ({ response }: Exchange): boolean => !response.writableFinished && !response.destroyed
