import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { toError } from '@sluice/shared/errors'
import type { Logger } from '@sluice/shared/log'
import { claimRun, finishRun, type FeedRunRow } from '@sluice/prisma/tables/feed-runs'
import { keepNewestSeen } from '@sluice/prisma/tables/run-seen'
import {
  findSource,
  lockSource,
  setNextRunAt,
  takeFullRequest,
  type SourceRow
} from '@sluice/prisma/tables/sources'
import { createLedger, type Ledger } from './ledger.ts'
import { nextRunOf, overlapsOf } from './next-run.ts'
import { passOver, type PassOptions } from './pass.ts'
import { noteTroubles } from './troubles.ts'
import { done, failed, type Verdict } from './verdict.ts'

export type RunFeedDeps = Omit<PassOptions, 'run' | 'source' | 'ledger' | 'signal'>

/** `ended`: its schedule goes on. `again`: it is still due and starts anew. `notDue`: somebody else was faster. */
type RunResult = 'ended' | 'again' | 'notDue'

export type RunFeed = (source: SourceRow, stopping: AbortSignal) => Promise<RunResult>

const FINISH_ATTEMPTS = 5
const FINISH_RETRY_MS = 500

/**
 * One run of a feed, if it is still due: claim → pass → finish. Whatever goes wrong in the pass is written to the run
 * and not thrown. A run always starts at byte 0: the diff makes that cheap, and so every run heals what the one
 * before it left undone.
 */
export const createRunFeed = (deps: RunFeedDeps): RunFeed => {
  const { db, config, reporter } = deps
  const leaseMs = config.SCHEDULER_LEASE_MS

  return async (source, stopping) => {
    const claim = { sourceId: source.id, leaseToken: randomUUID(), leaseMs }
    const run = await db.transaction((tx) => claimRun(tx, claim))
    if (run === undefined) return 'notDue'

    const startedAt = performance.now()
    const log = deps.log.child({ source: source.slug, run: run.id })
    log.info({ trigger: run.trigger }, 'run started')
    const ledger = createLedger({ db, run, leaseMs, log })
    const signal = AbortSignal.any([stopping, ledger.signal])
    const verdict = await verdictOf({ ...deps, run, source, ledger, signal, log })
    await ledger.stop()
    if (verdict.bug !== undefined) {
      log.error({ err: verdict.bug }, 'run failed unexpectedly')
      reporter.captureError(verdict.bug, { source: source.slug, code: 'RUN_BUG' })
    }
    const written = await finish(deps, { run, source, verdict, ledger, log })
    await tidy(deps, source, log)
    const { errorCode, errorMessage } = verdict
    log[errorCode === undefined ? 'info' : 'warn'](
      {
        state: written,
        errorCode,
        errorMessage,
        ...ledger.figures,
        ms: Math.round(performance.now() - startedAt)
      },
      'run finished'
    )
    return verdict.isDueAgain || written !== verdict.state ? 'again' : 'ended'
  }
}

const verdictOf = async (options: PassOptions): Promise<Verdict> => {
  try {
    return done(await passOver(options))
  } catch (thrown) {
    return failed(options.signal.aborted ? options.signal.reason : thrown)
  }
}

interface Finished {
  run: FeedRunRow
  source: SourceRow
  verdict: Verdict
  ledger: Ledger
  log: Logger
}

/** What the books say now; `unwritten` when Postgres could not be reached: then the lease runs out by itself. */
type Written = Verdict['state'] | 'superseded' | 'unwritten'

/** Writes down how the run ended, and when the next one is due. */
const finish = async (
  { db }: RunFeedDeps,
  { run, source, verdict, ledger, log }: Finished
): Promise<Written> => {
  const { state, errorCode, errorMessage, isDueAgain } = verdict
  const end = {
    ...ledger.snapshot(),
    state,
    ...(errorCode === undefined ? {} : { errorCode }),
    ...(errorMessage === undefined ? {} : { errorMessage })
  }
  for (let attempt = 1; ; attempt++) {
    try {
      return await db.transaction(async (tx) => {
        await lockSource(tx, source.id)
        // Read again: its schedule may have been edited while the run was under way.
        const now = await findSource(tx, source.slug)
        const overlapped = now === undefined || isDueAgain ? 0 : overlapsOf(now, run.startedAt)
        if (!(await finishRun(tx, run.id, run.leaseToken, { ...end, overlapped }))) return 'superseded'
        if (now !== undefined && !isDueAgain) {
          await setNextRunAt(tx, source.id, nextRunOf(now, run.startedAt, new Date(), log))
        }
        if (run.full && state === 'done') await takeFullRequest(tx, source.id)
        await noteTroubles(tx, run, verdict)
        return state
      })
    } catch (thrown) {
      log.warn({ err: toError(thrown), attempt }, 'end of the run not written')
      if (attempt === FINISH_ATTEMPTS) return 'unwritten'
      await sleep(FINISH_RETRY_MS)
    }
  }
}

/** Not part of the end of a run: a million rows take a while, and the next run does it if this one cannot. */
const tidy = async ({ db }: RunFeedDeps, source: SourceRow, log: Logger): Promise<void> => {
  try {
    await db.transaction((tx) => keepNewestSeen(tx, source.id))
  } catch (thrown) {
    log.warn({ err: toError(thrown) }, 'seen ids not removed')
  }
}
