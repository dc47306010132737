import { DependencyError } from '../errors.ts'

/**
 * Why a message was not confirmed.
 *
 * | code | meaning |
 * |---|---|
 * | `BROKER_DOWN` | no connection; never sent |
 * | `BROKER_BLOCKED` | the broker has raised an alarm (memory, disk); never sent |
 * | `BROKER_SATURATED` | the window of unconfirmed messages, or the line waiting for it, is full; never sent |
 * | `PUBLISH_NACKED` | refused by a queue, full or stopping |
 * | `PUBLISH_RETURNED` | no queue is bound to the routing key |
 * | `PUBLISH_UNKNOWN` | sent, and no answer in time or the connection went away: it may or may not have arrived |
 */
export type PublishErrorCode =
  | 'BROKER_DOWN'
  | 'BROKER_BLOCKED'
  | 'BROKER_SATURATED'
  | 'PUBLISH_NACKED'
  | 'PUBLISH_RETURNED'
  | 'PUBLISH_UNKNOWN'

/** A message was not confirmed → never a 2xx, never an ack of its original; again later, duplicates are harmless. */
export class PublishError extends DependencyError {
  /** False: certainly not accepted. True: the outcome is unknown. */
  readonly sent: boolean

  constructor(code: PublishErrorCode, message: string, cause?: unknown) {
    super('rabbitmq', code, message, { cause })
    this.sent = code === 'PUBLISH_UNKNOWN'
  }
}

export const unknownOutcome = (why: string, cause?: unknown): PublishError =>
  new PublishError('PUBLISH_UNKNOWN', `The message may or may not have arrived: ${why}`, cause)

/** A message that never left, because of what the publisher's status was. */
export const notSent = (status: 'down' | 'blocked' | 'saturated'): PublishError => {
  const [code, why] = NOT_SENT[status]
  return new PublishError(code, `Not sent: ${why}`)
}

const NOT_SENT = {
  down: ['BROKER_DOWN', 'no connection to RabbitMQ'],
  blocked: ['BROKER_BLOCKED', 'RabbitMQ has raised a memory or disk alarm'],
  saturated: ['BROKER_SATURATED', 'too many messages are waiting for RabbitMQ']
} as const
