import { request as requestHttp, type IncomingMessage } from 'node:http'
import { request as requestHttps } from 'node:https'
import { codeOf, toError } from '@sluice/shared/errors'
import { withoutSecrets } from '@sluice/shared/log'
import { CutShortError, RunError } from '../errors.ts'
import { chunksOf } from './chunks.ts'
import type { FeedBody, FetchRules } from './body.ts'
import { lookupOf } from './egress.ts'

/**
 * A feed over HTTP(S), on Node's own client: it gives every phase its own limit, and a place to look at an address
 * before it is connected to: every hop is resolved, judged and connected to by itself. User and password of the URL are sent as basic authentication, to that server only.
 */

const MAX_REDIRECTS = 5
const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308])
const HEADERS = {
  'user-agent': 'Sluice (feed reader)',
  accept: 'application/xml, text/xml;q=0.9, */*;q=0.8',
  'accept-encoding': 'identity'
}

export const openHttp = async (start: URL, rules: FetchRules, signal: AbortSignal): Promise<FeedBody> => {
  const { timeoutMs } = rules.limits
  const deadline = AbortSignal.timeout(timeoutMs)
  const either = AbortSignal.any([signal, deadline])
  const named = (thrown: unknown): Error => {
    if (signal.aborted) return toError(signal.reason)
    return deadline.aborted
      ? new RunError('FETCH_TIMEOUT', `The download took longer than ${timeoutMs} ms`)
      : toFetchError(thrown)
  }
  try {
    return toBody(await follow(start, rules, either), named)
  } catch (thrown) {
    throw named(thrown)
  }
}

const follow = async (start: URL, rules: FetchRules, signal: AbortSignal): Promise<IncomingMessage> => {
  let url = start
  for (let hops = 0; hops <= MAX_REDIRECTS; hops++) {
    const response = await get(url, rules, signal)
    const { location } = response.headers
    if (!REDIRECTS.has(response.statusCode ?? 0) || location === undefined) return accepted(response, url)
    response.destroy()
    url = next(location, url)
  }
  throw new RunError(
    'FETCH_REDIRECTS',
    `More than ${MAX_REDIRECTS} redirects from ${withoutSecrets(start.href)}`
  )
}

const next = (location: string, from: URL): URL => {
  const url = URL.parse(location, from.href)
  if (url !== null && (url.protocol === 'http:' || url.protocol === 'https:')) return url
  throw new RunError(
    'FETCH_REDIRECTS',
    `${withoutSecrets(from.href)} redirects to "${withoutSecrets(location)}"`
  )
}

/** Resolves with the head of the answer. */
const get = async (
  url: URL,
  { limits, egress }: FetchRules,
  signal: AbortSignal
): Promise<IncomingMessage> => {
  const addresses = await egress.resolve(url.hostname, signal)
  return new Promise((resolve, reject) => {
    const send = url.protocol === 'https:' ? requestHttps : requestHttp
    // `agent: false`: a connection of its own, closed with the answer; nothing to keep alive between runs.
    const request = send(url, {
      headers: HEADERS,
      agent: false,
      lookup: lookupOf(addresses),
      signal,
      timeout: limits.stallTimeoutMs
    })
    let response: IncomingMessage | undefined
    // Once there is an answer it must carry the reason: destroying the request would only call it "aborted".
    const fail = (code: string, message: string): void =>
      void (response ?? request).destroy(new RunError(code, message))
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

/** @throws RunError when the answer is no feed. */
const accepted = (response: IncomingMessage, url: URL): IncomingMessage => {
  const status = response.statusCode ?? 0
  const encoding = response.headers['content-encoding'] ?? 'identity'
  if (status === 200 && encoding === 'identity') return response
  response.destroy()
  const place = withoutSecrets(url.href)
  if (status === 200) {
    throw new RunError('FETCH_ENCODING', `${place} is encoded as "${encoding}", which was not asked for`)
  }
  const code = status === 404 || status === 410 ? 'FETCH_NOT_FOUND' : 'FETCH_STATUS'
  throw new RunError(code, `${place} answers ${status} ${response.statusMessage ?? ''}`.trimEnd())
}

const toBody = (response: IncomingMessage, named: (thrown: unknown) => Error): FeedBody => {
  const { etag, 'last-modified': lastModified, 'content-length': length } = response.headers
  const lastModifiedAt = new Date(lastModified ?? Number.NaN)
  return {
    bytes: readBody(chunksOf(response), named),
    ...(length === undefined ? {} : { bytesTotal: Number(length) }),
    ...(etag === undefined ? {} : { etag }),
    ...(lastModified === undefined ? {} : { lastModified }),
    ...(Number.isNaN(lastModifiedAt.getTime()) ? {} : { lastModifiedAt })
  }
}

const readBody = async function* (
  chunks: AsyncIterable<Buffer>,
  named: (thrown: unknown) => Error
): AsyncGenerator<Buffer> {
  try {
    yield* chunks
  } catch (thrown) {
    const error = named(thrown)
    throw error instanceof RunError ? new CutShortError(error.code, error.message, { cause: thrown }) : error
  }
}

/** Errors of name servers, sockets and TLS all mean that the vendor cannot be reached right now. */
const toFetchError = (thrown: unknown): Error => {
  const error = toError(thrown)
  if (error instanceof RunError) return error
  const code = codeOf(error)
  if (code === 'ECONNRESET' && error.message === 'aborted') {
    return new RunError('FETCH_CUT_SHORT', 'The connection ended before the whole feed had come', {
      cause: error
    })
  }
  return code === 'UNKNOWN' || code === 'ABORT_ERR'
    ? error
    : new RunError('FETCH_UNREACHABLE', `The feed cannot be reached: ${error.message}`, { cause: error })
}
