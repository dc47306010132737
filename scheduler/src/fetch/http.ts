import type { IncomingMessage } from 'node:http'
import { withoutSecrets } from '@sluice/shared/log'
import { RunError, TransientError } from '../errors.ts'
import type { FeedBody, FetchRequest, FetchRules, NotModified, Validators } from './body.ts'
import { chunksOf } from './chunks.ts'
import { authorize, credentialsIn } from './credentials.ts'
import { toFetchError, untilCutShort } from './failure.ts'
import { httpGet } from './http-get.ts'
import { inflate } from './inflate.ts'
import { leadFrom } from './lead.ts'
import { nextLinkOf } from './link-header.ts'
import { toRetryAfterMs } from './retry-after.ts'

const MAX_REDIRECTS = 5
const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308])
const HEADERS = {
  'user-agent': 'Sluice (feed reader)',
  accept: 'application/xml, text/xml;q=0.9, */*;q=0.8',
  'accept-encoding': 'gzip'
}

/**
 * A feed over HTTP(S), or a page of it. Credentials are shown to the server of the feed's address and no other, wherever
 * redirects and pages lead.
 * @throws RunError; TransientError when another attempt may go better
 */
export const openHttp = async (
  start: URL,
  request: FetchRequest,
  rules: FetchRules,
  signal: AbortSignal
): Promise<FeedBody | NotModified> => {
  try {
    const response = await follow(start, request, rules, signal)
    if (response.statusCode !== 304) return toBody(response, rules, signal)
    response.destroy()
    return { isNotModified: true, ...request.validators, ...validatorsOf(response) }
  } catch (thrown) {
    throw toFetchError(thrown, signal, rules.limits)
  }
}

const follow = async (
  start: URL,
  request: FetchRequest,
  rules: FetchRules,
  signal: AbortSignal
): Promise<IncomingMessage> => {
  const credentials = request.credentials ?? credentialsIn(start)
  const common = { ...HEADERS, ...conditionsOf(request.validators) }
  let url = request.page === undefined ? start : new URL(request.page)
  for (let hops = 0; hops <= MAX_REDIRECTS; hops++) {
    const hop = authorize(url, url.origin === start.origin ? credentials : undefined)
    const response = await httpGet(hop.url, { ...common, ...hop.headers }, rules, signal)
    const { location } = response.headers
    if (!REDIRECTS.has(response.statusCode ?? 0) || location === undefined) {
      return accepted(response, url, request.validators !== undefined)
    }
    response.destroy()
    url = next(location, url)
  }
  throw new RunError(
    'FETCH_REDIRECTS',
    `More than ${MAX_REDIRECTS} redirects from ${withoutSecrets(start.href)}`
  )
}

const conditionsOf = ({ etag, lastModified }: Validators = {}): Record<string, string> => ({
  ...(etag === undefined ? {} : { 'if-none-match': etag }),
  ...(lastModified === undefined ? {} : { 'if-modified-since': lastModified })
})

const next = (location: string, from: URL): URL => {
  const url = leadFrom(from, location)
  if (url !== undefined) return url
  throw new RunError(
    'FETCH_REDIRECTS',
    `${withoutSecrets(from.href)} redirects to "${withoutSecrets(location)}", where we do not follow`
  )
}

/** @throws RunError when the answer is no feed. */
const accepted = (response: IncomingMessage, url: URL, isConditional: boolean): IncomingMessage => {
  const status = response.statusCode ?? 0
  const encoding = response.headers['content-encoding'] ?? 'identity'
  if (status === 200 && (encoding === 'identity' || encoding === 'gzip')) return response
  if (status === 304 && isConditional) return response
  response.destroy()
  const place = withoutSecrets(url.href)
  if (status === 200) {
    throw new RunError('FETCH_ENCODING', `${place} is encoded as "${encoding}", which was not asked for`)
  }
  const message = `${place} answers ${status} ${response.statusMessage ?? ''}`.trimEnd()
  if (status === 404 || status === 410) throw new RunError('FETCH_NOT_FOUND', message)
  if (status < 500 && status !== 408 && status !== 429) throw new RunError('FETCH_STATUS', message)
  const retryAfterMs = toRetryAfterMs(response.headers['retry-after'], new Date())
  throw new TransientError('FETCH_STATUS', message, retryAfterMs === undefined ? {} : { retryAfterMs })
}

const toBody = (response: IncomingMessage, { limits }: FetchRules, signal: AbortSignal): FeedBody => {
  const {
    'content-length': length,
    'content-encoding': encoding,
    'content-type': type,
    link
  } = response.headers
  const validators = validatorsOf(response)
  const lastModifiedAt = new Date(validators.lastModified ?? Number.NaN)
  const isPlain = encoding !== 'gzip'
  const nextPage = nextLinkOf(link)
  const charset = charsetOf(type)
  return {
    ...validators,
    bytes: untilCutShort(chunksOf(isPlain ? response : inflate(response)), signal, limits),
    ...(length === undefined || !isPlain ? {} : { bytesTotal: Number(length) }),
    ...(Number.isNaN(lastModifiedAt.getTime()) ? {} : { lastModifiedAt }),
    ...(charset === undefined ? {} : { charset }),
    ...(nextPage === undefined ? {} : { next: nextPage })
  }
}

/** RFC 9110 §8.3.2: `text/xml; charset="windows-1251"`. */
const charsetOf = (type = ''): string | undefined => /;\s*charset\s*=\s*"?([^\s";]{1,40})/i.exec(type)?.[1]

const validatorsOf = ({ headers: { etag, 'last-modified': lastModified } }: IncomingMessage): Validators => ({
  ...(etag === undefined ? {} : { etag }),
  ...(lastModified === undefined ? {} : { lastModified })
})
