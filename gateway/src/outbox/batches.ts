import type { OutboxLimits, OutboxStored } from '@sluice/prisma/tables/outbox'

/** What is needed to know of the records of one request to group them. */
export interface Sized {
  rows: readonly unknown[]
  bytes: number
}

/** The largest request there is. Measured, 500 records of 2 KiB take 40 ms, and what stands in line has 200. */
const MAX_BATCH_ROWS = 500
const MAX_BATCH_BYTES = 1024 * 1024

/** The first in line, as many as one statement should take; at least one. Pure. */
export const nextBatch = <T extends Sized>(line: readonly T[]): T[] => {
  let rows = 0
  let bytes = 0
  const end = line.findIndex((entry) => {
    rows += entry.rows.length
    bytes += entry.bytes
    return rows > MAX_BATCH_ROWS || bytes > MAX_BATCH_BYTES
  })
  return line.slice(0, end < 0 ? line.length : Math.max(1, end))
}

/** Those that still fit beside what is there already, first come first served. Pure. */
export const fitting = <T extends Sized>(
  entries: readonly T[],
  { rows, bytes }: Pick<OutboxStored, 'rows' | 'bytes'>,
  limits: OutboxLimits
): T[] => {
  const used = { rows, bytes }
  return entries.filter((entry) => {
    const fits =
      used.rows + entry.rows.length <= limits.maxRows && used.bytes + entry.bytes <= limits.maxBytes
    if (fits) {
      used.rows += entry.rows.length
      used.bytes += entry.bytes
    }
    return fits
  })
}

/** The same sources, those behind the last one first: who stood behind an outage is not behind the next one too. Pure. */
export const inTurn = (sourceIds: readonly number[], last: number): number[] => [
  ...sourceIds.filter((id) => id > last),
  ...sourceIds.filter((id) => id <= last)
]
