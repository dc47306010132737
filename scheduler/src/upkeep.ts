import { setTimeout as sleep } from 'node:timers/promises'
import { DependencyError, toError } from '@sluice/shared/errors'
import type { Logger } from '@sluice/shared/log'
import type { Reporter } from '@sluice/shared/sentry'

/** What the house does to itself now and then; each must bear being done by several schedulers at once. */
export type Chore = (signal: AbortSignal) => Promise<void>

export interface Upkeep {
  /** Gives up after the statement under way. */
  stop: () => Promise<void>
}

export interface UpkeepDeps {
  chores: Readonly<Record<string, Chore>>
  log: Logger
  reporter: Pick<Reporter, 'captureError'>
  firstMs?: number
  everyMs?: number
}

/** Not while the house is being started. */
const FIRST_MS = 60_000
const EVERY_MS = 3_600_000

/** Does the chores soon after the start and then every hour; one that fails is done the next time. */
export const startUpkeep = ({
  chores,
  log,
  reporter,
  firstMs = FIRST_MS,
  everyMs = EVERY_MS
}: UpkeepDeps): Upkeep => {
  const stopping = new AbortController()
  const { signal } = stopping
  const doAll = async (): Promise<void> => {
    for (const [chore, work] of Object.entries(chores)) {
      try {
        if (!signal.aborted) await work(signal)
      } catch (thrown) {
        log.warn({ err: toError(thrown), chore }, 'chore failed, next time again')
        if (!(thrown instanceof DependencyError)) reporter.captureError(thrown, { chore })
      }
    }
  }
  const run = async (): Promise<void> => {
    for (let waitMs = firstMs; ; waitMs = everyMs) {
      // Not in step with the other replicas.
      const stopped = sleep(waitMs * (1 + Math.random() / 10), false, { signal, ref: false }).catch(
        () => true
      )
      if (await stopped) return
      await doAll()
    }
  }
  const running = run()
  return {
    stop: async () => {
      stopping.abort()
      await running
    }
  }
}
