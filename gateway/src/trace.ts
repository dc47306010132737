import { randomUUID } from 'node:crypto'

/** https://www.w3.org/TR/trace-context/#traceparent-header, version 00; ids of zeroes are not ids. */
const TRACEPARENT = /^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/

/** The caller's trace when it sent a valid one, else a new one: every message belongs to a trace. */
export const traceparentOf = (header: string | string[] | undefined): string =>
  typeof header === 'string' && TRACEPARENT.test(header) ? header : newTraceparent()

/** Of UUIDs, which Node makes from chance it keeps in stock: eight times as fast as asking for the bytes of each. */
const newTraceparent = (): string => {
  const trace = randomUUID().replaceAll('-', '')
  const parent = randomUUID()
  return `00-${trace}-${parent.slice(0, 8)}${parent.slice(-8)}-01`
}
