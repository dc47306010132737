import { setTimeout as sleep } from 'node:timers/promises'
import type { Db } from '@sluice/prisma/client'
import { numberChanges, streamPosition } from '@sluice/prisma/tables/offer-stream'
import type { Bell } from './bell.ts'

export interface NumberingDeps {
  db: Pick<Db, 'direct'>
  /** Rings when changes were committed in this process; those of others are found by looking. */
  bell: Bell
  /** So many changes have got their places. */
  onNumbered: (count: number) => void
}

/** Of commits, each of a batch of records. */
const BATCH = 500
/**
 * While changes are committed all the time they are numbered so many milliseconds' worth at once: it takes six questions
 * and wakes the publishing, however many there are. The first after a pause waits for nothing.
 */
const PACE_MS = 60
/**
 * With nothing to do, twice as long each time. Looking is one query over an index that is empty then; to be notified
 * instead, every commit of every worker would take a lock that the whole server has once.
 */
const IDLE_MS = { least: 20, most: 200 }

/**
 * Gives committed changes their places in the stream, until the signal fires or Postgres fails. It waits for no
 * broker: whoever reads the stream by `seq` needs none.
 */
export const keepNumbering = async (
  { db, bell, onNumbered }: NumberingDeps,
  until: AbortSignal
): Promise<void> => {
  let idleMs = IDLE_MS.least
  while (!until.aborted) {
    const { hasUnnumbered } = await streamPosition(db.direct.sql)
    const numbered = hasUnnumbered && (await db.direct.transaction((tx) => numberChanges(tx, BATCH)))
    if (numbered && numbered.changes > 0) {
      idleMs = IDLE_MS.least
      onNumbered(numbered.changes)
      if (numbered.commits < BATCH) await sleep(PACE_MS, undefined, { signal: until }).catch(() => undefined) // over
    } else {
      await bell.wait(idleMs, until)
      idleMs = Math.min(IDLE_MS.most, idleMs * 2)
    }
  }
}
