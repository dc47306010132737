import { toError } from '@sluice/shared/errors'
import type { Logger } from '@sluice/shared/log'
import type { Reporter } from '@sluice/shared/sentry'
import type { Db } from '@sluice/prisma/client'
import { markTold, takeUntold, type IncidentRow } from '@sluice/prisma/tables/incidents'

/** What is sent to whoever wants to know: the begin or the end of a trouble with a feed. */
export interface Notice {
  /** The same however often it is sent. */
  id: string
  type: 'feed.trouble' | 'feed.recovery'
  vendor: string
  feed: string
  kind: IncidentRow['kind']
  code: string
  message: string
  run: string
  openedAt: string
  closedAt?: string
}

/** Hands a notice on; rejects when it was not taken, and it is tried again. */
export type Notify = (notice: Notice) => Promise<void>

interface TellDeps {
  db: Pick<Db, 'sql'>
  reporter: Pick<Reporter, 'incident'>
  /** Absent when nobody asked for it. */
  notify: Notify | undefined
  log: Logger
}

const LIMIT = 20
const RETRY_MS = 60_000
/** A day of trying once a minute. */
const MAX_ATTEMPTS = 24 * 60

/** Tells of every trouble once, and once of its end; whoever cannot be reached is told later. */
export const tellTroubles = async ({ db, reporter, notify, log }: TellDeps): Promise<void> => {
  const incidents = await takeUntold(db.sql, { limit: LIMIT, retryMs: RETRY_MS, maxAttempts: MAX_ATTEMPTS })
  for (const incident of incidents) {
    const notice = toNotice(incident)
    if (incident.attempts === 1) {
      const { feed: source, kind, code, message } = notice
      reporter.incident({ source, kind, code, message, isOver: notice.type === 'feed.recovery' })
      log.warn(
        { source, kind, code, run: notice.run },
        notice.type === 'feed.trouble' ? 'trouble with a feed' : 'trouble over'
      )
    }
    try {
      await notify?.(notice)
      await markTold(db.sql, incident)
    } catch (thrown) {
      log.warn({ err: toError(thrown), notice: notice.id }, 'notice not taken, tried again in a minute')
    }
  }
}

const toNotice = (incident: IncidentRow): Notice => {
  const isOver = incident.toldAt !== undefined
  return {
    id: `${incident.id}.${isOver ? 'over' : 'begun'}`,
    type: isOver ? 'feed.recovery' : 'feed.trouble',
    vendor: incident.vendorSlug,
    feed: incident.sourceSlug,
    kind: incident.kind,
    code: incident.code,
    message: incident.message,
    run: incident.runId,
    openedAt: incident.openedAt.toISOString(),
    ...(incident.closedAt === undefined ? {} : { closedAt: incident.closedAt.toISOString() })
  }
}
