import { MAX_RECORD_DEPTH } from '@sluice/shared/envelope'

/** Every limit of the gateway, in one place; `docs/gateway.md` repeats them for the people who send to us. */

/** Larger bodies are 413, chunked ones too: counted while they arrive, never trusted to Content-Length. Inflated too. */
export const MAX_BODY_BYTES = 1024 * 1024

/** More records in one request are 413. */
export const MAX_RECORDS = 500

/** More values, members and elements in one request are 413: tiny ones cost a parser fifty times what they weigh. */
export const MAX_VALUES = 50_000
/** Of one object, list or element. An object of many thousand names is a hash table, ten times as dear as a small one. */
export const MAX_MEMBERS = 5_000
/** Of a form, the groups their brackets name included; PHP takes 1,000. */
export const MAX_FIELDS = 5_000

/** Of a whole body, wrapper included; deeper ones are not even parsed. */
export const MAX_BODY_DEPTH = 2 * MAX_RECORD_DEPTH

/**
 * From the last byte of the body to the answer, in all (some senders give up after 1 s): a call to Redis ≤ 50, confirm
 * ≤ 450, outbox ≤ 200, and 100 kept for the answer itself. `budget.ts` deals it out: who has spent more before publishing
 * (a source that must be looked up first: ≤ 250) waits less for the confirm, never less for the outbox.
 */
export const BUDGET_MS = 800
export const LOOKUP_MS = 250
export const CONFIRM_MS = 450
export const OUTBOX_MS = 200
export const ANSWER_MS = 100
/** What became of a delivery: a call to Redis, two queries and, for one just made, 100 ms of patience. */
export const DELIVERY_MS = 500

/**
 * What one source may have in the outbox; beyond it, 503. An outage of the broker of a day at one record a second, or
 * of twenty minutes at 80.
 */
export const OUTBOX_MAX_ROWS = 100_000
export const OUTBOX_MAX_BYTES = 256 * 1024 * 1024

/**
 * So many requests begin to be worked on in a turn of the event loop: some 4 ms, of the 800 each of them has. With 16 a
 * gateway of 50 connections takes a tenth fewer signed ones a second; with 64 the broker waits for us, then we for it.
 */
export const BEGUN_A_TURN = 32
/** With more in line, only a connection that has no request there may bring one; what others bring is 503. */
export const MAX_IN_LINE = 2_000
/** Who waited longer is 503: hardly any time would be left for the broker, and the work would be for nothing. */
export const LONGEST_IN_LINE_MS = 400
/** With less time left the broker is not asked: it would answer too late. */
export const LEAST_CONFIRM_MS = 100

/** Slower senders are cut: headers, then the whole request with its body. */
export const HEADERS_TIMEOUT_MS = 5_000
export const REQUEST_TIMEOUT_MS = 10_000
/** How often Node looks for requests that are over their time. */
export const TIMEOUT_CHECK_MS = 1_000
/** Longer than the 90 s for which Traefik and most proxies keep an idle connection, so that they close first. */
export const KEEP_ALIVE_TIMEOUT_MS = 95_000
/** While stopping, how long a connection that is idle may still bring a request; the answer then tells it to leave. */
export const IDLE_GRACE_MS = 1_000
