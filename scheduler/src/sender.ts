import { setTimeout as sleep } from 'node:timers/promises'
import { PublishError, type Publisher } from '@sluice/shared/broker'
import type { OutgoingMessage } from '@sluice/shared/envelope'
import type { Logger } from '@sluice/shared/log'

/**
 * Publishes the records of one run, many at a time, each until the broker has it. A message whose fate is unknown is
 * sent again under the same id: the merge makes a second copy harmless, a lost one would be missing.
 */
export interface Sender {
  /** Resolves when the message may be forgotten by the caller; rejects when an earlier one failed for good. */
  send: (message: OutgoingMessage) => Promise<void>
  /** Resolves when the broker has confirmed everything sent. */
  flush: () => Promise<void>
}

export interface SenderOptions {
  publisher: Pick<Publisher, 'publish'>
  signal: AbortSignal
  /** Called for every confirmed message. */
  onConfirmed: () => void
  log: Logger
}

/** More in flight does not make RabbitMQ faster; the bytes keep a run of huge records within memory. */
const MAX_IN_FLIGHT = 500
const MAX_BYTES_IN_FLIGHT = 8 * 1024 * 1024
const RETRY_BASE_MS = 100
const RETRY_MAX_MS = 10_000
/** Some two and a half minutes: longer than a restart, shorter than a mistake of ours should stay unseen. */
const MAX_ATTEMPTS = 20

export const createSender = ({ publisher, signal, onConfirmed, log }: SenderOptions): Sender => {
  let inFlight = 0
  let bytes = 0
  let room = Promise.withResolvers<void>()
  let failure: { thrown: unknown } | undefined

  const deliver = async (message: OutgoingMessage): Promise<void> => {
    for (let attempt = 1; ; attempt++) {
      try {
        await publisher.publish(message, { wait: true, signal })
        onConfirmed()
        return
      } catch (thrown) {
        if (!(thrown instanceof PublishError) || attempt === MAX_ATTEMPTS) throw thrown
        log.debug(
          { code: thrown.code, attempt, messageId: message.properties.messageId },
          'record sent again'
        )
        await sleep(Math.min(RETRY_MAX_MS, RETRY_BASE_MS * 2 ** attempt), undefined, { signal })
      }
    }
  }

  const throwIfFailed = (): void => {
    if (failure !== undefined) throw failure.thrown
  }

  const untilAnswered = async (isEnough: () => boolean): Promise<void> => {
    while (!isEnough()) await room.promise
    throwIfFailed()
  }

  const answered = (message: OutgoingMessage): void => {
    inFlight -= 1
    bytes -= message.body.length
    room.resolve()
    room = Promise.withResolvers()
  }

  return {
    send: async (message) => {
      await untilAnswered(() => inFlight === 0 || (inFlight < MAX_IN_FLIGHT && bytes < MAX_BYTES_IN_FLIGHT))
      inFlight += 1
      bytes += message.body.length
      void deliver(message)
        .catch((thrown: unknown) => {
          failure ??= { thrown }
        })
        .finally(() => answered(message))
    },
    flush: () => untilAnswered(() => inFlight === 0)
  }
}
