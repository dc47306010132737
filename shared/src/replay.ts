import { withoutBrokerHeaders } from './broker/headers.ts'
import type { OutgoingMessage } from './envelope.ts'
import { EnvelopeError } from './errors.ts'
import { withoutFaultHeaders } from './fault.ts'
import type { Topology } from './topology.ts'

/** What a dead letter keeps of its message; a row of `dead_letters`, with its body. */
export interface DeadMessage {
  messageId?: string | null | undefined
  properties: unknown
  headers: unknown
  body: Uint8Array
}

/**
 * The message of a dead letter as it enters its lane again: the same record and headers, a fresh attempt count,
 * nothing of its deaths.
 * @throws EnvelopeError `ENVELOPE_INVALID` when its headers name no lane: sending it again could not help.
 */
export const toReplay = (letter: DeadMessage, topology: Topology): OutgoingMessage => {
  const headers = withoutFaultHeaders(withoutBrokerHeaders(objectOf(letter.headers)))
  const properties = objectOf(letter.properties)
  const { lane } = headers
  if (lane !== 'webhook' && lane !== 'feed') {
    throw new EnvelopeError('ENVELOPE_INVALID', 'Cannot replay the message: its headers name no lane')
  }
  return {
    exchange: topology.exchanges.requeue,
    routingKey: `replay.${lane}`,
    body: Buffer.from(letter.body),
    properties: {
      messageId: letter.messageId ?? textOf(properties['messageId']) ?? '',
      type: textOf(properties['type']) ?? 'record',
      contentType: 'application/json',
      timestamp: numberOf(properties['timestamp']) ?? Math.floor(Date.now() / 1000),
      headers: { ...headers, attempt: 0 }
    }
  }
}

const objectOf = (value: unknown): Record<string, unknown> =>
  typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
const textOf = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined)
const numberOf = (value: unknown): number | undefined => (typeof value === 'number' ? value : undefined)
