import { schedule, setLogger } from 'node-cron'
import { toError } from '@sluice/shared/errors'
import type { Logger } from '@sluice/shared/log'

export interface Ticker {
  stop: () => Promise<void>
}

type TickerLog = Pick<Logger, 'debug' | 'error'>

/**
 * Calls `tick` every so many seconds, never twice at once. node-cron is a metronome in UTC here: what is due is
 * decided by Postgres, so clock changes, restarts and missed beats cost nothing.
 */
export const startTicker = (everySeconds: number, tick: () => Promise<void>, log: TickerLog): Ticker => {
  setLogger(toCronLogger(log))
  const tickOrTell = (): Promise<void> =>
    tick().catch((thrown: unknown) => log.error({ err: toError(thrown) }, 'tick failed'))
  const task = schedule(`*/${everySeconds} * * * * *`, tickOrTell, {
    timezone: 'UTC',
    noOverlap: true,
    name: 'due feeds'
  })
  return {
    stop: async () => {
      await task.destroy()
    }
  }
}

/** A late beat is nothing anybody must act on. */
const toCronLogger = (log: TickerLog): Parameters<typeof setLogger>[0] => {
  const say = (message: string | Error): void => {
    log.debug({ detail: toError(message).message }, 'ticker')
  }
  return { info: say, warn: say, debug: say, error: say }
}
