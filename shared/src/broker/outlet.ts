import type { ConfirmChannel, Message } from 'amqplib'
import type { OutgoingMessage } from '../envelope.ts'
import { toError } from '../errors.ts'
import { PublishError, unknownOutcome } from './publish-error.ts'

/** One confirm channel and what is under way on it; a slot is freed by ack, nack or close, not by a deadline. */
export interface Outlet {
  channel: ConfirmChannel
  unanswered: number
  bytes: number
  isWritable: boolean
  /** Returned messages whose confirm, which follows at once, is still to come; by `identityOf`. */
  returned: Map<string, number>
}

/** A return comes before the confirm of the same message, and only the confirm settles it. */
export const countReturn = ({ returned }: Outlet, { fields, properties }: Message): void => {
  const identity = identityOf(fields.exchange, fields.routingKey, properties.messageId)
  returned.set(identity, (returned.get(identity) ?? 0) + 1)
}

/** What the broker's answer to a message means; `undefined` when it is confirmed and was not returned. */
export const problemOf = (
  error: unknown,
  { exchange, routingKey, properties }: OutgoingMessage,
  { returned }: Outlet
): PublishError | undefined => {
  if (error) {
    const cause = toError(error)
    return cause.message === 'message nacked'
      ? new PublishError(
          'PUBLISH_NACKED',
          `A queue behind ${exchange} refused the message: it is full`,
          cause
        )
      : unknownOutcome('the connection went away', cause)
  }
  if (returned.size === 0) return undefined
  const identity = identityOf(exchange, routingKey, properties.messageId)
  const times = returned.get(identity) ?? 0
  if (times === 0) return undefined
  if (times === 1) returned.delete(identity)
  else returned.set(identity, times - 1)
  return new PublishError(
    'PUBLISH_RETURNED',
    `No queue takes ${routingKey} from ${exchange}: apply the topology`
  )
}

/**
 * A return names no delivery tag. Two messages that agree in all three are the same message to the same place, so it
 * does not matter which of them is told.
 */
const identityOf = (exchange: string, routingKey: string, messageId: unknown): string =>
  `${exchange}\n${routingKey}\n${String(messageId)}`
