import { ConfigError, toError } from './errors.ts'
import { EXIT_CONFIG } from './config.ts'
import type { Logger } from './log.ts'

/** One thing to stop, in the order it must be stopped. */
export interface Stopper {
  name: string
  stop: () => unknown
}

export interface ServiceOptions {
  log: Logger
  /** Starts everything and returns what must be stopped, first to last. */
  start: () => Promise<readonly Stopper[]>
  shutdownTimeoutMs: number
}

/**
 * Runs a service until SIGTERM or SIGINT, then stops its parts in order and exits 0. A second signal, or
 * `shutdownTimeoutMs`, forces exit 1. A failed start exits 1; an uncaught error stops the service and exits 1:
 * a process in an unknown state is replaced, not kept.
 */
export const runService = async ({ log, start, shutdownTimeoutMs }: ServiceOptions): Promise<void> => {
  let stoppers: readonly Stopper[] = []
  let stopping = false

  const stop = async (exitCode: number, reason: string): Promise<void> => {
    if (stopping) {
      log.warn({ reason }, 'second signal, leaving at once')
      process.exit(1)
    }
    stopping = true
    log.info({ reason }, 'stopping')
    setTimeout(() => {
      log.error({ shutdownTimeoutMs }, 'stopping took too long, leaving what is left to redelivery')
      process.exit(1)
    }, shutdownTimeoutMs).unref()
    for (const { name, stop: stopPart } of stoppers) {
      try {
        await stopPart()
      } catch (thrown) {
        log.error({ err: toError(thrown), part: name }, 'a part did not stop cleanly')
      }
    }
    log.info('stopped')
    process.exit(exitCode)
  }

  process.on('SIGTERM', () => void stop(0, 'SIGTERM'))
  process.on('SIGINT', () => void stop(0, 'SIGINT'))
  process.on('uncaughtException', (error) => {
    log.fatal({ err: error }, 'uncaught error')
    void stop(exitCodeOf(error), 'uncaught error')
  })
  process.on('unhandledRejection', (reason) => {
    log.fatal({ err: toError(reason) }, 'unhandled rejection')
    void stop(1, 'unhandled rejection')
  })

  try {
    stoppers = await start()
    log.info('started')
  } catch (thrown) {
    log.fatal({ err: toError(thrown) }, 'could not start')
    process.exit(exitCodeOf(thrown))
  }
}

/** Ends the process the orderly way over an error only a person can mend; its supervisor shows that. */
export const endProcess = (error: Error): void => {
  setImmediate(() => {
    throw error
  })
}

/** A wrong setting may show only later, when the broker keeps refusing us: it ends the process the same way. */
const exitCodeOf = (thrown: unknown): number => (thrown instanceof ConfigError ? EXIT_CONFIG : 1)

/** Prints every problem of a wrong configuration, one a line, and exits 78; any other error is thrown on. */
export const orExitWithConfigProblems = <T>(load: () => T): T => {
  try {
    return load()
  } catch (thrown) {
    if (!(thrown instanceof ConfigError)) throw thrown
    process.stderr.write(
      `Cannot start, the configuration is wrong:\n${thrown.problems.map((problem) => `  - ${problem}`).join('\n')}\n`
    )
    process.exit(EXIT_CONFIG)
  }
}
