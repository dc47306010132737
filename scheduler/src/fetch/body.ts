import type { Egress } from './egress.ts'

/** An open feed, from wherever it comes. */
export interface FeedBody {
  /** Throws CutShortError when it ends too early. */
  bytes: AsyncIterable<Buffer>
  /** As announced; undefined when it was not. */
  bytesTotal?: number
  etag?: string
  /** As the other side wrote it. */
  lastModified?: string
  lastModifiedAt?: Date
}

export interface FetchLimits {
  connectTimeoutMs: number
  stallTimeoutMs: number
  timeoutMs: number
  maxBytes: number
}

/** What every transport keeps to. */
export interface FetchRules {
  limits: FetchLimits
  egress: Egress
}
