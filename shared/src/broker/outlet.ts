import type { ChannelModel, ConfirmChannel, Message } from 'amqplib'
import type { OutgoingMessage } from '../envelope.ts'
import { toError } from '../errors.ts'
import { PublishError, unknownOutcome } from './publish-error.ts'

/** One confirm channel and what is under way on it; a slot is freed by ack, nack or close, not by a deadline. */
export interface Outlet {
  channel: ConfirmChannel
  unanswered: number
  bytes: number
  isWritable: boolean
  /** Of `performance.now()`. */
  openedAt: number
  /** When nobody waits any more for an answer to what was sent on it, of the same clock. */
  deadline: number
  /** Another one has taken its place, or is about to: it only waits for its answers. */
  isRetiring: boolean
  /** Returned messages whose confirm, which follows at once, is still to come; by `identityOf`. */
  returned: Map<string, number>
}

/** What happens to an outlet that is open. */
export interface OutletEvents {
  /** There is room in the channel's buffer again. */
  onRoom: () => void
  onClosed: (outlet: Outlet) => void
  /** Gives the connection up: a channel that is not retiring was closed, or broke. */
  recycle: (cause: Error) => void
}

export const openOutlet = async (
  connection: ChannelModel,
  { onRoom, onClosed, recycle }: OutletEvents
): Promise<Outlet> => {
  const channel = await connection.createConfirmChannel()
  const opened: Outlet = {
    channel,
    unanswered: 0,
    bytes: 0,
    isWritable: true,
    openedAt: performance.now(),
    deadline: 0,
    isRetiring: false,
    returned: new Map()
  }
  channel.on('error', recycle)
  channel.on('handler-error', recycle)
  channel.on('close', () => {
    onClosed(opened)
    if (!opened.isRetiring) recycle(new Error('the publishing channel was closed'))
  })
  channel.on('return', (message) => countReturn(opened, message))
  channel.on('drain', () => {
    opened.isWritable = true
    onRoom()
  })
  return opened
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
