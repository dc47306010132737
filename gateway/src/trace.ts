import { randomBytes } from 'node:crypto'

/** https://www.w3.org/TR/trace-context/#traceparent-header, version 00; ids of zeroes are not ids. */
const TRACEPARENT = /^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/

/** The caller's trace when it sent a valid one, else a new one: every message belongs to a trace. */
export const traceparentOf = (header: string | string[] | undefined): string =>
  typeof header === 'string' && TRACEPARENT.test(header)
    ? header
    : `00-${randomBytes(16).toString('hex')}-${randomBytes(8).toString('hex')}-01`
