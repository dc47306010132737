/** https://www.w3.org/TR/trace-context/#traceparent-header, version 00; ids of zeroes are not ids. */
const TRACEPARENT = /^00-((?!0{32})[0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/

/** The trace a `traceparent` belongs to; undefined when it is none. */
export const traceIdOf = (traceparent: string): string | undefined => TRACEPARENT.exec(traceparent)?.[1]
