import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { toError } from './errors.ts'
import type { Logger } from './log.ts'

export interface SideServerOptions {
  /** What is said about it in the log. */
  name: string
  host: string
  /** 0 takes a free port; read it from `port` of the result. */
  port: number
  /** What it throws is logged, and the connection cut. A body nobody asked for is read away. */
  answer: (request: IncomingMessage, response: ServerResponse) => Promise<void>
  log: Logger
}

export interface SideServer {
  port: number
  /** Stops listening and cuts what is open; settles at once. */
  close: () => Promise<void>
}

const REQUEST_TIMEOUT_MS = 5_000
const MAX_CONNECTIONS = 64

/**
 * A small HTTP server beside a service's work, for those who watch it. Resolves when it listens; rejects when the address
 * is taken.
 */
export const createSideServer = async ({
  name,
  host,
  port,
  answer,
  log
}: SideServerOptions): Promise<SideServer> => {
  const server = createServer({ requestTimeout: REQUEST_TIMEOUT_MS, headersTimeout: REQUEST_TIMEOUT_MS })
  server.maxConnections = MAX_CONNECTIONS
  server.on('request', (request, response) => {
    request.resume()
    void answer(request, response).catch((thrown: unknown) => {
      log.error({ err: toError(thrown) }, `${name} answer failed`)
      response.destroy()
    })
  })

  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, () => {
      server.off('error', reject)
      server.on('error', (error) => log.error({ err: error }, `${name} server failed`))
      resolve()
    })
  })

  return {
    port: (server.address() as AddressInfo).port,
    close: async () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      server.closeAllConnections()
      await closed
    }
  }
}

/** What was asked for, without its query. */
export const pathOf = ({ url = '' }: IncomingMessage): string => url.split('?', 1)[0] ?? ''
