import { Duplex } from 'node:stream'
import type { ConfirmChannel } from 'amqplib'
import type { OutgoingMessage } from '../envelope.ts'
import { createPieces, type WriteFrames } from './pieces.ts'
import { encodePublish } from './publish-frames.ts'

/** What `ConfirmChannel.publish` of amqplib 2.3 is made of, and does not tell its types. */
interface RawChannel {
  ch: number
  connection: RawConnection
  sendMessage: (fields: object, properties: object, content: Buffer) => boolean
  pushConfirmCallback: (onAnswer: (error: unknown) => void) => void
}

interface RawConnection {
  frameMax: number
  /** Whether something was sent since the last heartbeat was due. */
  sentSinceLastCheck: boolean
  channels?: Record<number, { buffer: Duplex } | null>
  stream?: unknown
  sendMessage: unknown
}

const isRaw = (channel: object): channel is RawChannel =>
  'sendMessage' in channel &&
  typeof channel.sendMessage === 'function' &&
  'pushConfirmCallback' in channel &&
  typeof channel.pushConfirmCallback === 'function'

/**
 * `channel.publish`, persistent, without its detours: amqplib makes the headers the prototype of a new object and walks
 * through that, encodes for every kind of message there could be, and hands it all to the socket at the end of a turn.
 * Should amqplib change inside, we are slower and nothing else.
 *
 * Messages of a channel leave in the order they were published, whichever way each takes: the broker numbers what it
 * confirms by the order it came in, so two that change places would each be told of the other.
 *
 * @returns whether the channel's buffer has room for more: always, of what goes past it and is bounded by the window of
 *   the publisher
 * @throws IllegalOperationError when the channel is closed
 */
export const publishOn = (
  channel: ConfirmChannel,
  message: OutgoingMessage,
  mandatory: boolean,
  onAnswer: (error: unknown) => void
): boolean => {
  const { exchange, routingKey, body, properties } = message
  if (!isRaw(channel)) {
    return channel.publish(
      exchange,
      routingKey,
      body,
      { ...properties, persistent: true, mandatory },
      onAnswer
    )
  }
  const hasRoom = writeFrames(channel, message, mandatory) ?? sendMessage(channel, message, mandatory)
  channel.pushConfirmCallback(onAnswer)
  return hasRoom
}

/** @returns undefined when amqplib must do it, or say why it cannot be done */
const writeFrames = (
  channel: RawChannel,
  message: OutgoingMessage,
  mandatory: boolean
): boolean | undefined => {
  const { ch, connection } = channel
  if (isClosed(channel) || isClosed(connection)) return undefined
  const { frameMax, stream } = connection
  const buffer = connection.channels?.[ch]?.buffer
  if (buffer === undefined || !(stream instanceof Duplex) || !(frameMax > 0)) return undefined
  const frames = encodePublish(message, mandatory, { channel: ch, frameMax })
  if (frames === undefined) return undefined
  connection.sentSinceLastCheck = true
  if (!isEmpty(buffer)) return buffer.write(frames)
  piecesOf(stream)(frames)
  return true
}

/** Nothing that was published before is still on amqplib's way. */
const isEmpty = (buffer: Duplex): boolean => buffer.readableLength === 0 && buffer.writableLength === 0

const piecesBySocket = new WeakMap<Duplex, WriteFrames>()

const piecesOf = (socket: Duplex): WriteFrames => {
  let pieces = piecesBySocket.get(socket)
  if (pieces === undefined) {
    pieces = createPieces(socket)
    piecesBySocket.set(socket, pieces)
  }
  return pieces
}

/** A closed one has a method of its own in place of its class's, which throws. */
const isClosed = (part: object): boolean => Object.hasOwn(part, 'sendMessage')

const sendMessage = (
  channel: RawChannel,
  { exchange, routingKey, body, properties }: OutgoingMessage,
  mandatory: boolean
): boolean => {
  const { messageId, type, contentType, timestamp, headers } = properties
  return channel.sendMessage(
    { exchange, routingKey, mandatory, immediate: false },
    { messageId, type, contentType, timestamp, headers, deliveryMode: PERSISTENT },
    body
  )
}

const PERSISTENT = 2
