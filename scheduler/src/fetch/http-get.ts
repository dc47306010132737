import { request as requestHttp, type IncomingMessage, type OutgoingHttpHeaders } from 'node:http'
import { request as requestHttps } from 'node:https'
import { TransientError } from '../errors.ts'
import type { FetchRules } from './body.ts'
import { lookupOf } from './egress.ts'

/**
 * One request, on Node's own client: it gives every phase its own limit, and connects where we say. Resolves with the
 * head of the answer; the body's end closes the connection.
 */
export const httpGet = async (
  url: URL,
  headers: OutgoingHttpHeaders,
  { limits, egress }: FetchRules,
  signal: AbortSignal
): Promise<IncomingMessage> => {
  const addresses = await egress.resolve(url.hostname, signal)
  return new Promise((resolve, reject) => {
    const send = url.protocol === 'https:' ? requestHttps : requestHttp
    // `agent: false`: a connection of its own, closed with the answer; nothing to keep alive between runs.
    const request = send(url, {
      headers,
      agent: false,
      lookup: lookupOf(addresses),
      signal,
      timeout: limits.stallTimeoutMs
    })
    let response: IncomingMessage | undefined
    // Once there is an answer it must carry the reason: destroying the request would only call it "aborted".
    const fail = (code: string, message: string): void =>
      void (response ?? request).destroy(new TransientError(code, message))
    const connecting = setTimeout(
      () =>
        fail(
          'FETCH_TIMEOUT',
          `${url.host} did not answer the connection within ${limits.connectTimeoutMs} ms`
        ),
      limits.connectTimeoutMs
    )
    const connected = (): void => clearTimeout(connecting)
    request.once('socket', (socket) => {
      socket.once(url.protocol === 'https:' ? 'secureConnect' : 'connect', connected)
    })
    request.on('timeout', () =>
      fail('FETCH_STALLED', `${url.host} was silent for ${limits.stallTimeoutMs} ms`)
    )
    request.once('close', connected)
    request.on('error', reject)
    request.once('response', (answer) => {
      response = answer
      resolve(answer)
    })
    request.end()
  })
}
