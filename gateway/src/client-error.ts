import { STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import type { Logger } from '@sluice/shared/log'
import type { Sampler } from '@sluice/shared/sampler'
import { Refusal } from './errors.ts'
import { createDeliveryId } from './delivery-id.ts'
import type { InHand } from './in-hand.ts'
import { problemHeaders, toProblem } from './problem.ts'

/** How long the other side may take to read the answer and hang up. */
const LINGER_MS = 1_000

export interface ClientErrorDeps {
  log: Logger
  /** Whether a refusal has a line. */
  sample: Sampler
  inHand: InHand
  lingerMs?: number
}

/**
 * Answers what never became a request, because it was too slow, too large, not HTTP or for a proxy, and hangs up; behind the answers
 * to the requests that came whole before it. Never throws.
 */
export const answerClientError = async (
  { log, sample, inHand, lingerMs = LINGER_MS }: ClientErrorDeps,
  error: { code?: string | undefined },
  socket: Socket
): Promise<void> => {
  await inHand.answered(socket)
  // What is broken stays broken: Node says so again with every piece that follows.
  if (error.code === 'ECONNRESET' || socket.destroyed || socket.writableEnded) return
  if (!socket.writable) {
    socket.destroy()
    return
  }
  const refusal = (CLIENT_ERRORS[error.code ?? ''] ?? notHttp)()
  const requestId = createDeliveryId()
  const alike = sample(refusal.code)
  if (alike !== undefined) {
    log.info(
      {
        requestId,
        status: refusal.status,
        code: refusal.code,
        cause: error.code,
        ...(alike > 0 ? { alike } : {}),
        address: socket.remoteAddress
      },
      'request refused'
    )
  }
  const body = JSON.stringify(toProblem(refusal, requestId))
  const headers = {
    ...problemHeaders(refusal),
    'x-request-id': requestId,
    'content-length': String(Buffer.byteLength(body)),
    connection: 'close'
  }
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  socket.end(`HTTP/1.1 ${refusal.status} ${STATUS_CODES[refusal.status]}\r\n${lines.join('')}\r\n${body}`)
  // Destroyed at once, the answer could be lost in a reset; left to itself, a connection whose other side never hangs
  // up stays open for ever, and so many of them are every file descriptor we have.
  const cut = setTimeout(() => socket.destroy(), lingerMs).unref()
  socket.once('close', () => clearTimeout(cut))
}

const notHttp = (): Refusal => new Refusal('REQUEST_INVALID', 'This is not an HTTP/1.1 request.')

const CLIENT_ERRORS: Readonly<Record<string, () => Refusal>> = {
  ERR_HTTP_REQUEST_TIMEOUT: () =>
    new Refusal('REQUEST_TIMEOUT', 'The request did not arrive completely in time. Send it again.'),
  HPE_HEADER_OVERFLOW: () => new Refusal('HEADERS_TOO_LARGE', 'The headers are larger than 16 KiB.'),
  // No error of Node's: it hands such a connection over, or hangs up when nobody takes it.
  CONNECT: () =>
    new Refusal('METHOD_NOT_ALLOWED', 'This is no proxy. Send to POST /webhooks/{source}.', {
      allow: 'GET, HEAD, POST'
    })
}
