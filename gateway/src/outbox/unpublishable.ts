import type { NewDeadLetter } from '@sluice/prisma/tables/dead-letters'
import type { OutboxRow } from '@sluice/prisma/tables/outbox'

/** A row that no broker will ever take, as a dead letter: kept, listed, and replayed once what was wrong is mended. */
export const toDeadLetter = (
  { messageId, routingKey, properties, body }: OutboxRow,
  error: Error
): NewDeadLetter => {
  const { headers, ...others } = properties as { headers?: unknown }
  const known = isObject(headers) ? headers : {}
  return {
    messageId,
    routingKey,
    properties: others,
    headers: known,
    body,
    lane: 'webhook',
    faultClass: error.name,
    faultCode: 'OUTBOX_UNPUBLISHABLE',
    faultMessage: `The message cannot be encoded, so it was taken out of the outbox: ${error.message}`,
    attempts: 0,
    ...text('source', known['source']),
    ...text('externalId', known['external-id'])
  }
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const text = <K extends string>(name: K, value: unknown): { [name in K]?: string } =>
  typeof value === 'string' ? ({ [name]: value } as { [name in K]: string }) : {}
