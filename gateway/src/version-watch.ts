import { bounded } from '@sluice/shared/bounded'
import { toError } from '@sluice/shared/errors'
import type { Logger } from '@sluice/shared/log'

/**
 * Watches the token that moves with every edit of a source or key. A copy made under the current token is current;
 * how long ago the token was seen is how long ago that was known to be true.
 */
export interface VersionWatch {
  /** The last token seen; `undefined` before the first. */
  readonly version: string | undefined
  /** When it was last seen, in epoch milliseconds; 0 before the first. */
  readonly seenAt: number
  /** Whether the last look succeeded. */
  readonly isUp: boolean
  /** Looks now; a call while a look is under way is followed by another. Never throws. */
  look: () => Promise<void>
  /** Looks once, then every `everyMs` until `close`. */
  start: () => Promise<void>
  close: () => void
}

export interface VersionWatchOptions {
  read: () => Promise<string>
  log: Logger
  /** Called before `version` and `seenAt` move to what was just seen. */
  onSeen?: (version: string) => void
  everyMs?: number
  timeoutMs?: number
  now?: () => number
}

/** Half of the 2 s within which a revoked key must be refused everywhere. */
const EVERY_MS = 1_000
const TIMEOUT_MS = 800

export const createVersionWatch = ({
  read,
  log,
  onSeen = () => undefined,
  everyMs = EVERY_MS,
  timeoutMs = TIMEOUT_MS,
  now = Date.now
}: VersionWatchOptions): VersionWatch => {
  let version: string | undefined
  let seenAt = 0
  let isUp = true
  let looking: Promise<void> | undefined
  let lookAgain = false
  let timer: NodeJS.Timeout | undefined

  const lookOnce = async (): Promise<void> => {
    const startedAt = now()
    try {
      const seen = await bounded(read(), timeoutMs, 'reading the version of the sources')
      onSeen(seen)
      version = seen
      seenAt = startedAt
      if (!isUp) log.info('sources can be read again')
      isUp = true
    } catch (thrown) {
      if (isUp) log.warn({ err: toError(thrown) }, 'sources cannot be read, using the last known copies')
      isUp = false
    }
  }

  const look = async (): Promise<void> => {
    if (looking !== undefined) {
      lookAgain = true
      return looking
    }
    looking = (async () => {
      do {
        lookAgain = false
        await lookOnce()
      } while (lookAgain)
    })()
    try {
      await looking
    } finally {
      looking = undefined
    }
  }

  return {
    get version() {
      return version
    },
    get seenAt() {
      return seenAt
    },
    get isUp() {
      return isUp
    },
    look,
    start: async () => {
      await look()
      timer = setInterval(() => void look(), everyMs).unref()
    },
    close: () => clearInterval(timer)
  }
}
