import type { Logger } from '@sluice/shared/log'
import { createSideServer, pathOf, type SideServer } from '@sluice/shared/side-server'
import type { Metrics } from './metrics.ts'

/** `GET /metrics`, on an address of its own: what senders reach does not tell how we are. */
export const createMetricsServer = (
  { render, contentType }: Pick<Metrics, 'render' | 'contentType'>,
  address: { host: string; port: number; log: Logger }
): Promise<SideServer> =>
  createSideServer({
    name: 'metrics',
    ...address,
    answer: async (request, response) => {
      if (request.method !== 'GET' || pathOf(request) !== '/metrics') {
        response.writeHead(404).end()
        return
      }
      const text = await render()
      response.writeHead(200, { 'content-type': contentType, 'cache-control': 'no-store' }).end(text)
    }
  })
