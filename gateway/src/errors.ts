import { SluiceError } from '@sluice/shared/errors'

/**
 * Why a request is refused. The code never changes meaning; the status follows one rule: 4xx is something the sender
 * can mend, 503 is ours, nothing was lost and the same request may be sent again.
 */
export const REFUSALS = {
  BODY_MALFORMED: { status: 400, title: 'The body cannot be read' },
  BODY_CUT_SHORT: { status: 400, title: 'The body ended too early' },
  REQUEST_INVALID: { status: 400, title: 'The request cannot be read' },
  API_KEY_MISSING: { status: 401, title: 'No API key was sent' },
  API_KEY_INVALID: { status: 401, title: 'The API key is not valid for this source' },
  CREDENTIALS_MISSING: { status: 401, title: 'No credentials were sent' },
  CREDENTIALS_INVALID: { status: 401, title: 'The credentials are not valid for this source' },
  ADDRESS_FORBIDDEN: { status: 403, title: 'This source takes nothing from your address' },
  ROUTE_UNKNOWN: { status: 404, title: 'There is nothing here' },
  SOURCE_UNKNOWN: { status: 404, title: 'There is no such source' },
  SOURCE_IS_FEED: { status: 404, title: 'This source is a feed, not a webhook' },
  DELIVERY_UNKNOWN: { status: 404, title: 'There is no such delivery' },
  METHOD_NOT_ALLOWED: { status: 405, title: 'This method is not answered here' },
  REQUEST_TIMEOUT: { status: 408, title: 'The request took too long to arrive' },
  BODY_TOO_LARGE: { status: 413, title: 'The body is too large' },
  RECORDS_TOO_MANY: { status: 413, title: 'The body holds too many records' },
  VALUES_TOO_MANY: { status: 413, title: 'The body holds too many values' },
  CONTENT_TYPE_UNSUPPORTED: { status: 415, title: 'A body of this type is not read here' },
  CONTENT_ENCODING_UNSUPPORTED: { status: 415, title: 'A body compressed like this is not read here' },
  RECORDS_MISSING: { status: 422, title: 'There is no record in the body' },
  RECORD_NOT_OBJECT: { status: 422, title: 'A record is not an object' },
  RECORD_TOO_DEEP: { status: 422, title: 'A record is nested too deep' },
  RECORD_ID_MISSING: { status: 422, title: 'A record has no id' },
  RECORD_ID_INVALID: { status: 422, title: 'A record has an id that cannot be used' },
  FACT_AT_INVALID: { status: 422, title: 'A record has a date that cannot be read' },
  FAILURES_TOO_MANY: {
    status: 429,
    title: 'Too many requests without valid credentials',
    retryAfterSeconds: 1
  },
  RATE_LIMITED: { status: 429, title: 'This source sends too many requests', retryAfterSeconds: 60 },
  HEADERS_TOO_LARGE: { status: 431, title: 'The headers are too large' },
  SOURCE_PAUSED: { status: 503, title: 'This source is paused', retryAfterSeconds: 60 },
  SOURCE_MISCONFIGURED: {
    status: 503,
    title: 'This source is not set up correctly on our side',
    retryAfterSeconds: 60
  },
  FORMAT_UNAVAILABLE: { status: 503, title: 'This source cannot be read right now', retryAfterSeconds: 60 },
  SOURCES_UNAVAILABLE: {
    status: 503,
    title: 'The sources cannot be looked up right now',
    retryAfterSeconds: 5
  },
  GATEWAY_BUSY: { status: 503, title: 'Too much arrives at once', retryAfterSeconds: 1 },
  NOT_ACCEPTED: { status: 503, title: 'The delivery could not be stored', retryAfterSeconds: 5 },
  OUTBOX_FULL: { status: 503, title: 'Too much of this source is waiting already', retryAfterSeconds: 60 },
  DELIVERIES_UNAVAILABLE: {
    status: 503,
    title: 'Deliveries cannot be looked up right now',
    retryAfterSeconds: 5
  },
  INTERNAL: { status: 500, title: 'Something went wrong on our side' }
} as const satisfies Record<string, { status: number; title: string; retryAfterSeconds?: number }>

export type RefusalCode = keyof typeof REFUSALS

export interface RefusalDetails {
  /** Which record of an array is to blame, counted from 0. */
  index?: number
  /** Where in that record, as a JSON pointer. */
  path?: string
  /** Where in the body, in characters counted from 0, and as a person counts. */
  position?: { offset: number; line: number; column: number }
  /** When to come back, where the code's own answer is not right. */
  retryAfterSeconds?: number
  /** The methods that are answered at this address; goes with 405. */
  allow?: string
  cause?: unknown
}

/** A request that is answered with a problem instead of being accepted. Nothing of it was published. */
export class Refusal extends SluiceError {
  declare readonly code: RefusalCode
  readonly index: number | undefined
  readonly position: RefusalDetails['position']
  readonly allow: string | undefined
  /** When to come back; `undefined` where sending it again is of no use. */
  readonly retryAfterSeconds: number | undefined

  /** `detail` is for the sender: what is wrong here and what to do. Never a value that could be secret. */
  constructor(code: RefusalCode, detail: string, details: RefusalDetails = {}) {
    // What is refused is not a fault: nobody reads where, and to find it out is a tenth of what a forgery costs us.
    const { stackTraceLimit } = Error
    Error.stackTraceLimit = 0
    try {
      super(code, detail, details)
    } finally {
      Error.stackTraceLimit = stackTraceLimit
    }
    this.index = details.index
    this.position = details.position
    this.allow = details.allow
    const entry: { status: number; retryAfterSeconds?: number } = REFUSALS[code]
    this.retryAfterSeconds = details.retryAfterSeconds ?? entry.retryAfterSeconds
  }

  get status(): number {
    return REFUSALS[this.code].status
  }
}
