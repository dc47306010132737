import { Prisma } from '../generated/client.ts'

/**
 * The outcome to keep where `stored` (a table alias) meets EXCLUDED: the newer stamp's. With equal stamps it is the
 * same message once more, delivered again after a crash, and finds its own work done: `unchanged` or `stale` is then
 * an echo, and what the first delivery did stays.
 */
export const settledOutcome = (stored: 'f' | 'd'): Prisma.Sql =>
  Prisma.raw(`CASE
    WHEN EXCLUDED.stamp < ${stored}.stamp THEN ${stored}.outcome
    WHEN EXCLUDED.stamp = ${stored}.stamp
      AND EXCLUDED.outcome IN ('unchanged', 'stale')
      AND ${stored}.outcome IN ('created', 'updated', 'withdrawn', 'incomplete') THEN ${stored}.outcome
    ELSE EXCLUDED.outcome
  END`)
