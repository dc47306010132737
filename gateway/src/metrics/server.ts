import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { toError } from '@sluice/shared/errors'
import type { Logger } from '@sluice/shared/log'
import type { Metrics } from './metrics.ts'

export interface MetricsServer {
  port: number
  close: () => Promise<void>
}

const REQUEST_TIMEOUT_MS = 5_000

/** `GET /metrics`, on an address of its own: what senders reach does not tell how we are. */
export const createMetricsServer = async (
  metrics: Pick<Metrics, 'render' | 'contentType'>,
  { host, port, log }: { host: string; port: number; log: Logger }
): Promise<MetricsServer> => {
  const server = createServer({ requestTimeout: REQUEST_TIMEOUT_MS, headersTimeout: REQUEST_TIMEOUT_MS })
  server.maxConnections = 16
  server.on('request', (request, response) => {
    request.resume()
    if (request.method !== 'GET' || request.url?.split('?', 1)[0] !== '/metrics') {
      response.writeHead(404).end()
      return
    }
    void answer(metrics, response).catch((thrown: unknown) => {
      log.error({ err: toError(thrown) }, 'metrics could not be rendered')
      response.destroy()
    })
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, () => {
      server.off('error', reject)
      server.on('error', (error) => log.error({ err: error }, 'metrics server failed'))
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

const answer = async (
  { render, contentType }: Pick<Metrics, 'render' | 'contentType'>,
  response: ServerResponse
): Promise<void> => {
  const text = await render()
  response.writeHead(200, { 'content-type': contentType, 'cache-control': 'no-store' }).end(text)
}
