import type { Logger } from './log.ts'
import { createSideServer, pathOf, type SideServer } from './side-server.ts'

/** The figures of a service. */
export interface MetricsSource {
  /** In the text format of Prometheus. */
  render: () => Promise<string>
  readonly contentType: string
}

/** `GET /metrics`, on an address of its own: what the world reaches does not tell how we are. */
export const createMetricsServer = (
  { render, contentType }: MetricsSource,
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
