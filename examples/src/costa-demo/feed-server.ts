import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { createDemoOffers } from './offers.ts'
import { toKyero } from './kyero.ts'

export interface FeedServer {
  /** Where the scheduler fetches the feed. */
  url: string
  port: number
  close: () => Promise<void>
}

const LAST_MODIFIED = 'Sun, 01 Nov 2026 05:00:00 GMT'

/** Serves the first `count` demo offers as a Kyero feed on this machine, as a vendor's web server would. */
export const serveDemoFeed = async ({
  port,
  count
}: {
  port: number
  count: number
}): Promise<FeedServer> => {
  const body = Buffer.from([...toKyero(createDemoOffers(count))].join(''))
  const etag = `"${createHash('sha256').update(body).digest('hex').slice(0, 16)}"`
  const server = createServer((request, response) => {
    if (request.url !== '/kyero.xml') {
      response.writeHead(404, { 'content-type': 'text/plain' }).end('The feed is at /kyero.xml\n')
      return
    }
    const headers = { etag, 'last-modified': LAST_MODIFIED }
    if (request.headers['if-none-match'] === etag) {
      response.writeHead(304, headers).end()
      return
    }
    response
      .writeHead(200, { ...headers, 'content-type': 'application/xml', 'content-length': body.length })
      .end(request.method === 'HEAD' ? undefined : body)
  })
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${port}/kyero.xml`,
    port,
    close: async () => {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    }
  }
}
