import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { gunzipSync } from 'node:zlib'

/** A Sentry of the test's own on the loopback: keeps every envelope it is sent. */
export interface SentrySink {
  dsn: string
  /** The events among what arrived. */
  events: () => Record<string, unknown>[]
  /** Everything that arrived, as text. */
  raw: () => string
  close: () => Promise<void>
}

export const startSentrySink = async (): Promise<SentrySink> => {
  const envelopes: string[] = []
  const keep = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const body = await buffer(request)
    const isZipped = request.headers['content-encoding'] === 'gzip'
    envelopes.push((isZipped ? gunzipSync(body) : body).toString('utf8'))
    response.writeHead(200, { 'content-type': 'application/json' }).end('{}')
  }
  const server = createServer((request, response) => void keep(request, response))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    dsn: `http://public@127.0.0.1:${port}/1`,
    events: () => envelopes.flatMap(eventsOf),
    raw: () => envelopes.join('\n'),
    close: async () => {
      server.closeAllConnections()
      await new Promise<void>((resolve) => server.close(() => resolve()))
    }
  }
}

/** An envelope is lines of JSON: its header, then a header and a payload for each item. */
const eventsOf = (envelope: string): Record<string, unknown>[] => {
  const lines = envelope.split('\n').slice(1)
  return lines.flatMap((line, index) => {
    if (index % 2 === 1 || line === '') return []
    const header = JSON.parse(line) as { type?: string }
    return header.type === 'event' ? [JSON.parse(lines[index + 1] ?? '{}') as Record<string, unknown>] : []
  })
}
