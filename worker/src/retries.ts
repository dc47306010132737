import { setTimeout as sleep } from 'node:timers/promises'
import { PublishError, withoutBrokerHeaders, type Delivery, type Publisher } from '@sluice/shared/broker'
import type { OutgoingMessage } from '@sluice/shared/envelope'
import { toError } from '@sluice/shared/errors'
import { headersOfFault, toFaultHeaders } from '@sluice/shared/fault'
import type { Logger } from '@sluice/shared/log'
import type { Topology } from '@sluice/shared/topology'
import { deathOf, POSTPONED_KEY } from './death.ts'

/**
 * Sends a copy of a delivery somewhere else. Each but `show` resolves to true once the broker has confirmed the copy –
 * only then may the original be acknowledged – and to false when the delivery was lost meanwhile and comes again by
 * itself, or was left to the broker's own dead-lettering because no copy of it can be sent.
 */
export interface Retries {
  /** To a step of the ladder, from where it returns to `lane`. */
  climb: (
    delivery: Delivery,
    error: Error,
    to: { step: string; lane: string; attempt: number }
  ) => Promise<boolean>
  bury: (delivery: Delivery, error: Error) => Promise<boolean>
  quarantine: (delivery: Delivery) => Promise<boolean>
  /** A dead letter that could not be stored, to a step of the ladder, from where it returns to the dead. */
  postpone: (delivery: Delivery) => Promise<boolean>
  /** Where RabbitMQ's own UI shows the last of the dead; nobody waits for it, and nothing depends on it. */
  show: (delivery: Delivery) => void
  /** Gives up waiting for the broker: what is not confirmed stays unacknowledged and comes again. */
  stop: () => void
}

export interface RetriesDeps {
  publisher: Publisher
  topology: Topology
  log: Logger
}

const PAUSE_MS = 1_000

export const createRetries = ({ publisher, topology: { exchanges }, log }: RetriesDeps): Retries => {
  const stopping = new AbortController()
  const { signal } = stopping

  const send = async (
    delivery: Delivery,
    message: OutgoingMessage,
    /** Nobody buries the dead: from their own queue the broker would drop them. */
    unsendable: 'discard' | 'keep' = 'discard'
  ): Promise<boolean> => {
    for (let failures = 0; !delivery.isLost && !signal.aborted; failures++) {
      try {
        await publisher.publish(message, { wait: true, signal })
        return true
      } catch (thrown) {
        const { exchange, routingKey, properties } = message
        if (!(thrown instanceof PublishError) && !signal.aborted) {
          // Headers that came in and do not go out: no attempt of ours will change that.
          const { messageId } = properties
          log.error({ err: toError(thrown), exchange, messageId, unsendable }, 'copy cannot be sent')
          if (unsendable === 'discard') delivery.settle('discard')
          return false
        }
        log[failures === 0 ? 'warn' : 'debug'](
          { err: toError(thrown), exchange, routingKey, messageId: properties.messageId },
          'copy not confirmed, trying again'
        )
        await sleep(PAUSE_MS * (1 + Math.random()), undefined, { signal }).catch(() => undefined) // stopped
      }
    }
    return false
  }

  return {
    climb: (delivery, error, { step, lane, attempt }) =>
      send(
        delivery,
        copyOf(delivery, exchanges.retry, `${step}.${lane}`, {
          ...toFaultHeaders(error, delivery.properties.headers),
          attempt
        })
      ),
    bury: (delivery, error) =>
      send(
        delivery,
        copyOf(
          delivery,
          exchanges.dead,
          delivery.routingKey,
          toFaultHeaders(error, delivery.properties.headers)
        )
      ),
    quarantine: (delivery) => send(delivery, copyOf(delivery, exchanges.requeue, 'record.quarantine', {})),
    postpone: (delivery) =>
      send(delivery, copyOf(delivery, exchanges.retry, POSTPONED_KEY, reasonOf(delivery)), 'keep'),
    show: (delivery) => {
      const { messageId } = delivery.properties
      publisher
        .publish(copyOf(delivery, exchanges.requeue, 'record.recent', reasonOf(delivery)))
        .catch((thrown: unknown) => log.debug({ err: toError(thrown), messageId }, 'dead letter not shown'))
    },
    stop: () => stopping.abort()
  }
}

/** What a dead letter died of, whoever found that out. */
const reasonOf = (delivery: Delivery): Record<string, string> => {
  const fault = deathOf(delivery)
  return fault === undefined ? {} : headersOfFault(fault)
}

/** The same message for another exchange; the broker's own headers stay behind, or it would misread the copy. */
export const copyOf = (
  { body, properties }: Pick<Delivery, 'body' | 'properties'>,
  exchange: string,
  routingKey: string,
  headers: Readonly<Record<string, string | number>>
): OutgoingMessage => ({
  exchange,
  routingKey,
  body,
  properties: {
    messageId: properties.messageId ?? '',
    type: properties.type ?? '',
    contentType: 'application/json',
    timestamp: properties.timestamp ?? Math.floor(Date.now() / 1000),
    headers: { ...fitting(withoutBrokerHeaders(properties.headers)), ...headers }
  }
})

/** The wire allows 64 KiB of headers in all; what is added to a copy needs a little of it. */
const MAX_HEADERS_BYTES = 56 * 1024
/** Ours are far smaller. */
const LARGE_HEADER_BYTES = 1_024

/** What arrived in a header table may leave in one, unless there would be no room for what went wrong. */
const fitting = (headers: Readonly<Record<string, unknown>>): Record<string, string | number> => {
  const isFull = sizeOf(headers) > MAX_HEADERS_BYTES
  const kept = Object.entries(headers).filter(([, value]) => !isFull || sizeOf(value) <= LARGE_HEADER_BYTES)
  return Object.fromEntries(kept) as Record<string, string | number>
}

const sizeOf = (value: unknown): number => Buffer.byteLength(JSON.stringify(value) ?? '')
