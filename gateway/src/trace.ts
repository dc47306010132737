import { randomFillSync } from 'node:crypto'
import { traceIdOf } from '@sluice/shared/trace'

/** The caller's trace when it sent a valid one, else a new one: every message belongs to a trace. */
export const traceparentOf = (header: string | string[] | undefined): string =>
  typeof header === 'string' && traceIdOf(header) !== undefined ? header : newTraceparent()

const TRACE_BYTES = 16
const PARENT_BYTES = 8
/** Chance for 170 traces: asking for that of each takes eight times as long. */
const stock = Buffer.alloc(4_096)
let used = stock.length

const newTraceparent = (): string => {
  if (used + TRACE_BYTES + PARENT_BYTES > stock.length) {
    randomFillSync(stock)
    used = 0
  }
  const trace = stock.toString('hex', used, (used += TRACE_BYTES))
  const parent = stock.toString('hex', used, (used += PARENT_BYTES))
  return `00-${trace}-${parent}-01`
}
