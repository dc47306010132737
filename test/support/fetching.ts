import type { FeedBody, FetchLimits, FetchRequest, NotModified } from '../../scheduler/src/fetch/body.ts'
import { createEgress, type Resolver } from '../../scheduler/src/fetch/egress.ts'
import { openFeed } from '../../scheduler/src/fetch/open-feed.ts'

/** Opening feeds of servers on this machine, without a scheduler. */

type Wanted = Partial<FetchRequest> & { address: string }

export interface FetchingOptions {
  limits?: Partial<FetchLimits>
  /** Ranges that may be connected to besides public ones. */
  allow?: string
  /** In place of the one of the machine. */
  resolver?: Resolver
}

const LIMITS: FetchLimits = {
  connectTimeoutMs: 5_000,
  stallTimeoutMs: 5_000,
  timeoutMs: 20_000,
  maxBytes: 100_000_000,
  uploadCheckMs: 10
}

/** What `use` makes of an open feed; every connection is closed afterwards. */
export const fetching = async <T>(
  request: Wanted,
  use: (opened: FeedBody | NotModified) => Promise<T> | T,
  { limits = {}, allow = '127.0.0.0/8, ::1', resolver }: FetchingOptions = {}
): Promise<T> => {
  const rules = { egress: createEgress(allow, resolver), limits: { ...LIMITS, ...limits } }
  const closing = new AbortController()
  try {
    const signal = AbortSignal.any([closing.signal, AbortSignal.timeout(rules.limits.timeoutMs)])
    return await use(await openFeed({ settings: {}, ...request }, rules, signal))
  } finally {
    closing.abort()
  }
}

/** The text of a feed, fetched whole. */
export const fetchText = (request: Wanted, options?: FetchingOptions): Promise<string> =>
  fetching(request, textOf, options)

export const textOf = async (opened: FeedBody | NotModified): Promise<string> => {
  if ('isNotModified' in opened) return 'not modified'
  const chunks: Buffer[] = []
  for await (const chunk of opened.bytes) chunks.push(chunk)
  return Buffer.concat(chunks).toString()
}
