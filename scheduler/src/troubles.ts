import type { Sql } from '@sluice/prisma/client'
import type { FeedRunRow } from '@sluice/prisma/tables/feed-runs'
import { closeIncident, openIncident } from '@sluice/prisma/tables/incidents'
import { newestList } from '@sluice/prisma/tables/removals'
import type { Verdict } from './verdict.ts'

/** What a run shows of a trouble: it is there, it is over, or nothing. */
type Sign = { code: string; message: string } | 'over' | undefined

/** A run that is due again was stopped by ourselves or by what is around us: that says nothing of the feed. */
export const signOfRun = ({ errorCode, errorMessage = '', isDueAgain }: Verdict): Sign => {
  if (isDueAgain) return undefined
  return errorCode === undefined ? 'over' : { code: errorCode, message: errorMessage }
}

/** By the newest list of the feed. Dismissed removals, and released ones, are over when a list is believed again. */
export const signOfRemovals = (list: FeedRunRow | undefined): Sign => {
  if (list?.removals === 'pending') {
    return { code: list.removalsCode ?? 'PENDING', message: list.removalsReason ?? '' }
  }
  return list?.removals === 'none' || list?.removals === 'sent' ? 'over' : undefined
}

/** Writes down what a run shows; belongs into the transaction that ends it. */
export const noteTroubles = async (
  tx: Sql,
  run: Pick<FeedRunRow, 'id' | 'sourceId'>,
  verdict: Verdict
): Promise<void> => {
  const { id: runId, sourceId } = run
  const signs = {
    run: signOfRun(verdict),
    removals: signOfRemovals(await newestList(tx, sourceId, NO_RUN))
  } as const
  for (const kind of ['run', 'removals'] as const) {
    const sign = signs[kind]
    if (sign === 'over') await closeIncident(tx, sourceId, kind)
    else if (sign !== undefined) await openIncident(tx, { sourceId, kind, runId, ...sign })
  }
}

const NO_RUN = '0'
