import type { ChannelModel } from 'amqplib'
import type { OutgoingMessage } from '../envelope.ts'
import { toError } from '../errors.ts'
import type { Logger } from '../log.ts'
import { createLine } from './line.ts'
import { openOutlet, problemOf, type Outlet } from './outlet.ts'
import { notSent, unknownOutcome, type PublishError } from './publish-error.ts'
import { publishOn } from './raw-publish.ts'
import type { Session } from './session.ts'
import { createWatch } from './watch.ts'

export type PublisherStatus = 'ready' | 'saturated' | 'blocked' | 'down'

export interface PublishOptions {
  /** Wait for room and for the broker to come back (feeds) instead of failing at once (HTTP). */
  wait?: boolean
  /** With `wait`: for no longer than this. Costs nothing when there is room at once. */
  waitMs?: number
  /** Ends the wait; a message that has been sent is not called back. */
  signal?: AbortSignal
  /** Whether it is a failure that no queue takes the message; it is, unless said otherwise. */
  mandatory?: boolean
  /** How long the broker may take to confirm once the message is sent; then the outcome is `PUBLISH_UNKNOWN`. */
  timeoutMs?: number
}

/** Publishes persistent messages and believes only the broker's confirm. */
export interface Publisher {
  /**
   * Resolves when the broker has confirmed the message.
   * @throws PublishError with what is known about the message otherwise
   */
  publish: (message: OutgoingMessage, options?: PublishOptions) => Promise<void>
  readonly status: PublisherStatus
  /** Whether a publish would be sent at once, now or within the time. */
  whenReady: (timeoutMs: number) => Promise<boolean>
  /** Waits for outstanding confirms; resolves to how many messages are still without one. */
  drain: (timeoutMs: number) => Promise<number>
}

export interface PublisherOptions {
  log: Logger
  /** Messages sent and not yet answered: measured, throughput grows to 1,000 and hardly beyond. */
  window?: number
  confirmTimeoutMs?: number
  /** Callers with `wait` that may stand in line. */
  maxWaiting?: number
  /** A channel on which a queue refuses is replaced once it is this old. */
  renewAfterMs?: number
}

const DEFAULT_WINDOW = 1_000
const DEFAULT_CONFIRM_TIMEOUT_MS = 5_000
const DEFAULT_MAX_WAITING = 2_000
/**
 * A full quorum queue tells every publishing channel once that it is full and once that it has room; in between the
 * channel refuses by itself. When it is the limit that goes, with its policy, RabbitMQ 3 tells nobody and the channel
 * refuses for ever (rabbitmq-server#12206). A new channel asks the queue.
 */
const DEFAULT_RENEW_AFTER_MS = 10_000
/** amqplib buffers by count, not size: this keeps a window of megabyte records from filling memory. */
const WINDOW_BYTES = 16 * 1024 * 1024

type SendOptions = Required<Pick<PublishOptions, 'timeoutMs' | 'mandatory'>>

/** A publisher on `session`; it opens with the session and reopens with it. */
export const createPublisher = (
  session: Session,
  {
    log,
    window = DEFAULT_WINDOW,
    confirmTimeoutMs = DEFAULT_CONFIRM_TIMEOUT_MS,
    maxWaiting = DEFAULT_MAX_WAITING,
    renewAfterMs = DEFAULT_RENEW_AFTER_MS
  }: PublisherOptions
): Publisher => {
  const watch = createWatch()
  let outlet: Outlet | undefined
  /** Puts a new channel on the connection in place of this one; undefined without a connection. */
  let renew: ((refused: Outlet) => void) | undefined
  let isBlocked = false
  let outstanding = 0

  const statusNow = (): PublisherStatus => {
    if (outlet === undefined) return 'down'
    if (isBlocked) return 'blocked'
    const isFull = outlet.unanswered >= window || outlet.bytes >= WINDOW_BYTES || !outlet.isWritable
    return isFull ? 'saturated' : 'ready'
  }

  /** Why a message is not sent now. */
  const refusalNow = (): PublishError => {
    const status = statusNow()
    return notSent(status === 'ready' ? 'down' : status)
  }

  const line = createLine({ maxWaiting, hasRoom: () => statusNow() === 'ready', whyNot: refusalNow })

  const changed = (): void => {
    line.advance()
    watch.look()
  }

  const open = async (connection: ChannelModel, recycle: (cause: Error) => void): Promise<void> => {
    const openNext = (): Promise<Outlet> =>
      openOutlet(connection, { onRoom: changed, onClosed: close, recycle })
    renew = (refused) => {
      refused.isRetiring = true
      openNext().then((next) => replace(refused, next), recycle)
    }
    const opened = await openNext()
    isBlocked = false
    outlet = opened
    changed()
  }

  const close = (closed: Outlet): void => {
    if (outlet === closed) outlet = undefined
    changed()
  }

  /** The next messages go to the new channel; the old one is closed when all of its own are answered, or late. */
  const replace = (old: Outlet, next: Outlet): void => {
    if (renew === undefined) return // the connection was lost meanwhile, and both with it
    outlet = next
    changed()
    void watch
      .until(() => old.unanswered === 0, old.deadline - performance.now())
      .then(() => old.channel.close())
      .catch(() => undefined) // closed already
  }

  /** What a queue has told a channel is believed for a while, then asked anew. */
  const doubt = (refused: Outlet): void => {
    const isYoung = performance.now() - refused.openedAt < renewAfterMs
    if (isYoung || refused.isRetiring || outlet !== refused) return
    log.info('a queue refuses, asking it on a new channel')
    renew?.(refused)
  }

  /** Hands a message to the channel; undefined when the channel turns out to be closed. */
  const send = (
    message: OutgoingMessage,
    { timeoutMs, mandatory }: SendOptions
  ): Promise<void> | undefined => {
    const at = outlet
    if (at === undefined) return undefined
    const answer = Promise.withResolvers<void>()
    const { body } = message
    const timer = setTimeout(
      // Behind the poll: in a loop that was busy, a timer runs before the confirm that has arrived is read.
      () => setImmediate(() => answer.reject(unknownOutcome(`no confirm within ${timeoutMs} ms`))),
      timeoutMs
    )
    const onAnswer = (error: unknown): void => {
      clearTimeout(timer)
      outstanding -= 1
      at.unanswered -= 1
      at.bytes -= body.length
      const problem = problemOf(error, message, at)
      // Its callbacks come before its own `close` event: nobody else may be sent into a closed channel.
      if (problem?.sent && outlet === at) outlet = undefined
      if (problem?.code === 'PUBLISH_NACKED') doubt(at)
      if (problem === undefined) answer.resolve()
      else answer.reject(problem)
      changed()
    }
    try {
      at.isWritable = publishOn(at.channel, message, mandatory, onAnswer)
    } catch (thrown) {
      clearTimeout(timer)
      if (toError(thrown).name !== 'IllegalOperationError') throw thrown // cannot be encoded: a bug of the caller
      close(at)
      return undefined
    }
    outstanding += 1
    at.unanswered += 1
    at.bytes += body.length
    at.deadline = Math.max(at.deadline, performance.now() + timeoutMs)
    return answer.promise
  }

  session.attach({
    role: 'publish',
    open,
    onBlocked: (blocked) => {
      isBlocked = blocked
      changed()
    },
    onDown: () => {
      renew = undefined
      if (outlet !== undefined) close(outlet)
    },
    onEnd: line.dissolve
  })

  return {
    publish: async (
      message,
      { wait = false, waitMs, signal, mandatory = true, timeoutMs = confirmTimeoutMs } = {}
    ) => {
      signal?.throwIfAborted()
      const options = { timeoutMs, mandatory }
      // Whoever finds room stands in no line: `changed` has let everybody go who was in it.
      const sent = statusNow() === 'ready' ? send(message, options) : undefined
      if (sent !== undefined) return sent
      if (!wait) throw refusalNow()
      return line.join({ send: () => send(message, options), waitMs, signal })
    },
    get status() {
      return statusNow()
    },
    whenReady: (timeoutMs) => watch.until(() => statusNow() === 'ready', timeoutMs),
    drain: async (timeoutMs) => {
      const isDone = await watch.until(() => outstanding + line.length === 0, timeoutMs)
      const left = outstanding + line.length
      if (!isDone) log.warn({ left }, 'confirms did not come in time')
      return left
    }
  }
}
