import { setTimeout as sleep } from 'node:timers/promises'
import type { Db } from '@sluice/prisma/client'
import { purge, RETENTION } from '@sluice/prisma/tables/retention'
import type { Logger } from '@sluice/shared/log'

export interface RetentionDeps {
  db: Db
  log: Logger
  /** Rows of one statement: short locks, and a replica that keeps up. */
  batchSize?: number
  now?: () => Date
}

const BATCH_SIZE = 1_000
const PAUSE_MS = 50

/** Deletes what is over by the rules of `RETENTION`, batch by batch, until nothing is left or the signal fires. */
export const purgeExpired = async (
  { db, log, batchSize = BATCH_SIZE, now = () => new Date() }: RetentionDeps,
  signal: AbortSignal
): Promise<void> => {
  const purged: Record<string, number> = {}
  for (const rule of RETENTION) {
    for (let deleted = batchSize; deleted === batchSize && !signal.aborted;) {
      deleted = await purge(db.sql, rule, { now: now(), limit: batchSize })
      if (deleted > 0) purged[rule.table] = (purged[rule.table] ?? 0) + deleted
      if (deleted === batchSize) await sleep(PAUSE_MS, undefined, { signal }).catch(() => undefined)
    }
  }
  if (Object.keys(purged).length > 0) log.info({ purged }, 'old rows purged')
}
