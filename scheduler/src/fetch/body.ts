import type { FetchSettings } from '@sluice/shared/fetch-settings'
import type { Credentials } from './credentials.ts'
import type { Egress } from './egress.ts'

/** An open feed, from wherever it comes. */
export interface FeedBody extends Validators {
  /** Throws CutShortError when it ends too early. */
  bytes: AsyncIterable<Buffer>
  /** As announced; undefined when it was not. */
  bytesTotal?: number
  lastModifiedAt?: Date
  /** As the server says. */
  charset?: string
  /** Where the server says the next page is. */
  next?: string
}

/** By what a server knows a version of a file, as it wrote it. */
export interface Validators {
  etag?: string
  lastModified?: string
}

/** The server still has what we have. */
export interface NotModified extends Validators {
  isNotModified: true
}

/** What is fetched, and how. */
export interface FetchRequest {
  address: string | undefined
  /** The page of the feed that is wanted, an HTTP(S) URL; the feed's address still says whom it is from. */
  page?: string
  settings: FetchSettings
  credentials?: Credentials
  /** Of the version we have, if anything else than a new one is of no use. */
  validators?: Validators
}

export interface FetchLimits {
  connectTimeoutMs: number
  stallTimeoutMs: number
  /** For everything a run fetches; it is up to the caller to abort then, with AbortSignal.timeout. */
  timeoutMs: number
  maxBytes: number
  /** Between two looks at a file that may still be uploaded. */
  uploadCheckMs: number
}

/** What every transport keeps to. */
export interface FetchRules {
  limits: FetchLimits
  egress: Egress
}
