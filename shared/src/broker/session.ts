import { setTimeout as sleep } from 'node:timers/promises'
import type { ChannelModel } from 'amqplib'
import { toError, type ConfigError } from '../errors.ts'
import { withoutSecrets, type Logger } from '../log.ts'
import { backoffMs } from './backoff.ts'
import { bounded } from '../bounded.ts'
import { connectTo } from './connect.ts'
import { isRefusal, toConfigError } from './refusal.ts'

export type SessionState = 'connecting' | 'up' | 'down'

/** Something that lives on a session's connection: a publisher or a consumer. */
interface SessionPart {
  /** A session is for publishing or for consuming: an alarm blocks publishers, and must not block acknowledgements. */
  role: 'publish' | 'consume'
  /** Opens its channel on a fresh connection; `recycle` gives the whole connection up. */
  open: (connection: ChannelModel, recycle: (cause: Error) => void) => Promise<void>
  onBlocked: (blocked: boolean) => void
  /** The connection is gone, or about to be: whatever was on it is lost. */
  onDown: () => void
  /** The session has ended for good: closed, or refused by the broker. */
  onEnd: () => void
}

/** One connection to the broker that comes back by itself, with everything that was on it. */
export interface Session {
  start: () => void
  readonly state: SessionState
  /** Puts a publisher or consumer on this session's connection, now and after every reconnect. */
  attach: (part: SessionPart) => void
  /**
   * Hears once when the broker keeps refusing us for a reason only a person can change: the session has given up, or
   * goes on trying if it is one that does.
   */
  onFailed: (listener: (error: ConfigError) => void) => void
  /** Resolves within about a second, whatever the broker does. */
  close: () => Promise<void>
}

export interface SessionOptions {
  url: string
  /** Shown as the connection's name in the management UI: `<service>.<purpose>`. */
  name: string
  log: Logger
  /** Does not give up on refusals either: for whoever can do something without the broker. */
  keepsTrying?: boolean
  /** How long to wait before connecting again. */
  waitMs?: (attempt: number, refusals: number) => number
}

const SETUP_TIMEOUT_MS = 30_000
const CLOSE_TIMEOUT_MS = 1_000
/** A connection that lasted this long starts its next recovery from the beginning. */
const STABLE_MS = 10_000
/** Refusals in a row before the session gives up, or says so; their backoff makes that 7 to 15 seconds. */
const MAX_REFUSALS = 5

/** How a connection ended, and how long it had been up: 0 when it never was. */
interface Ending {
  cause: Error
  upMs: number
}

/** A live connection and the one way to give it up. */
interface Link {
  connection: ChannelModel
  recycle: (cause: Error) => void
  closed: Promise<void>
}

/**
 * A supervised connection. There is one recovery path: whatever dies unexpectedly, a channel or the connection, the
 * whole connection is closed and built again. Nothing connects before `start`.
 */
export const createSession = ({
  url,
  name,
  log: parentLog,
  keepsTrying = false,
  waitMs = backoffMs
}: SessionOptions): Session => {
  const log = parentLog.child({ session: name })
  const parts: SessionPart[] = []
  const failedListeners: ((error: ConfigError) => void)[] = []
  const stopping = new AbortController()
  let state: SessionState = 'down'
  let link: Link | undefined
  let failure: ConfigError | undefined
  let running: Promise<void> | undefined

  const supervise = async (): Promise<void> => {
    let attempt = 0
    let refusals = 0
    while (!stopping.signal.aborted) {
      const { cause, upMs } = await live()
      if (stopping.signal.aborted) return
      const refused = isRefusal(cause, upMs > 0)
      if (upMs >= STABLE_MS) attempt = 0
      refusals = refused ? (upMs >= STABLE_MS ? 1 : refusals + 1) : 0
      if (refusals === MAX_REFUSALS) {
        fail(cause)
        if (!keepsTrying) return
      }
      const retryInMs = waitMs(attempt, refusals)
      // An outage is one warning; the failed attempts after it are details.
      const level = upMs > 0 || attempt === 0 || refused ? 'warn' : 'debug'
      log[level]({ err: cause, retryInMs }, 'broker connection lost')
      attempt += 1
      await sleep(retryInMs, undefined, { signal: stopping.signal }).catch(() => undefined) // stopped
    }
  }

  /** One life of a connection, from connecting to closed. */
  const live = async (): Promise<Ending> => {
    const socket = new AbortController()
    const end = Promise.withResolvers<Error>()
    const onStop = (): void => {
      end.resolve(new Error('the session is closing'))
      if (link === undefined) socket.abort()
    }
    stopping.signal.addEventListener('abort', onStop, { once: true })
    state = 'connecting'
    try {
      const connection = await connectTo(url, name, socket.signal)
      link = { connection, recycle: end.resolve, closed: listen(connection, end.resolve) }
      await bounded(
        Promise.race([openParts(link), end.promise.then(rethrow)]),
        SETUP_TIMEOUT_MS,
        'setting up'
      )
      state = 'up'
      log.info('broker connection up')
      const upAt = performance.now()
      return { cause: await end.promise, upMs: performance.now() - upAt }
    } catch (thrown) {
      return { cause: toError(thrown), upMs: 0 }
    } finally {
      stopping.signal.removeEventListener('abort', onStop)
      const ended = link
      state = 'down'
      link = undefined
      for (const part of parts) part.onDown()
      if (ended !== undefined) await closeOrDestroy(ended, socket)
    }
  }

  /** The first statements after connecting: an `error` event nobody hears ends the process. */
  const listen = (connection: ChannelModel, recycle: (cause: Error) => void): Promise<void> => {
    const closed = Promise.withResolvers<void>()
    connection.on('error', recycle)
    // A connection closed by an operator or a stopping broker (320) says only `close`.
    connection.on('close', (cause) => {
      recycle(cause ?? new Error('the connection was closed'))
      closed.resolve()
    })
    connection.on('blocked', (reason) => {
      log.warn({ reason }, 'broker blocks publishing')
      for (const part of parts) part.onBlocked(true)
    })
    connection.on('unblocked', () => {
      log.info('broker takes messages again')
      for (const part of parts) part.onBlocked(false)
    })
    return closed.promise
  }

  const openParts = ({ connection, recycle }: Link): Promise<unknown> =>
    Promise.all(parts.map((part) => part.open(connection, recycle)))

  const fail = (cause: Error): void => {
    failure = toConfigError(cause, `RabbitMQ at ${withoutSecrets(url)}`)
    log.error({ err: failure }, `broker refuses us, ${keepsTrying ? 'trying on' : 'giving up'}`)
    for (const listener of failedListeners) listener(failure)
  }

  return {
    start: () => {
      running ??= supervise().finally(() => {
        for (const part of parts) part.onEnd()
      })
    },
    get state() {
      return state
    },
    attach: (part) => {
      if (parts.some((other) => other.role !== part.role)) {
        throw new Error(`session ${name}: publish and consume on separate sessions`)
      }
      parts.push(part)
      if (link === undefined) return
      const { connection, recycle } = link
      bounded(part.open(connection, recycle), SETUP_TIMEOUT_MS, 'setting up').catch((thrown: unknown) =>
        recycle(toError(thrown))
      )
    },
    onFailed: (listener) => {
      failedListeners.push(listener)
      if (failure !== undefined) listener(failure)
    },
    close: async () => {
      stopping.abort()
      await running
    }
  }
}

const rethrow = (error: Error): never => {
  throw error
}

/** Closes as the protocol asks, then destroys the socket: a broker that hangs never answers. */
const closeOrDestroy = async ({ connection, closed }: Link, socket: AbortController): Promise<void> => {
  await bounded(connection.close(), CLOSE_TIMEOUT_MS, 'closing').catch(() => socket.abort()) // hung, or closed already
  await bounded(closed, CLOSE_TIMEOUT_MS, 'destroying the socket').catch(() => undefined)
}
