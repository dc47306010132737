import { STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import type { Logger } from '@sluice/shared/log'
import { Refusal, type RefusalCode } from './errors.ts'
import { createDeliveryId } from './delivery-id.ts'
import type { InHand } from './in-hand.ts'
import { problemHeaders, toProblem } from './problem.ts'

/** How long the other side may take to read the answer and hang up. */
const LINGER_MS = 1_000

export interface ClientErrorDeps {
  log: Logger
  inHand: InHand
  lingerMs?: number
}

/**
 * Answers what never became a request, because it was too slow, too large or not HTTP, and hangs up; behind the answers
 * to the requests that came whole before it. Never throws.
 */
export const answerClientError = async (
  { log, inHand, lingerMs = LINGER_MS }: ClientErrorDeps,
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
  const [code, detail] = CLIENT_ERRORS[error.code ?? ''] ?? NOT_HTTP
  const refusal = new Refusal(code, detail)
  const requestId = createDeliveryId()
  log.info(
    { requestId, status: refusal.status, code, cause: error.code, address: socket.remoteAddress },
    'request refused'
  )
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

const NOT_HTTP: readonly [RefusalCode, string] = ['REQUEST_INVALID', 'This is not an HTTP/1.1 request.']

const CLIENT_ERRORS: Readonly<Record<string, readonly [RefusalCode, string]>> = {
  ERR_HTTP_REQUEST_TIMEOUT: [
    'REQUEST_TIMEOUT',
    'The request did not arrive completely in time. Send it again.'
  ],
  HPE_HEADER_OVERFLOW: ['HEADERS_TOO_LARGE', 'The headers are larger than 16 KiB.']
}
