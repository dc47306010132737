import type { Sql } from '@sluice/prisma/client'
import {
  countRemappable,
  listRemappable,
  type DeliveryPlace,
  type KeptRecord,
  type RemapScope
} from '@sluice/prisma/tables/deliveries'
import type { SourceRow } from '@sluice/prisma/tables/sources'
import type { Publisher } from '@sluice/shared/broker'
import { toMessage, type OutgoingMessage } from '@sluice/shared/envelope'
import { toError } from '@sluice/shared/errors'
import { stampParts } from '@sluice/shared/stamp'
import type { Topology } from '@sluice/shared/topology'
import { chunkSize, createPace } from './pace.ts'

/** Sending the kept records of a webhook once more after a mapping was mended; nothing here is shown. */

export interface Remapped {
  asked: number
  sent: number
  /** Why it stopped before its end. */
  problem?: Error
}

export interface RemapOptions {
  sql: Sql
  publisher: Publisher
  topology: Topology
  source: SourceRow
  scope: RemapScope
  /** At most so many a second. */
  rate: number
  signal: AbortSignal
  onProgress: (done: Remapped) => void
}

const SEND_TIMEOUT_MS = 10_000

/**
 * In the order of receipt; the merge would take them in any. A record that has settled under the new version is not
 * sent again, so the same command goes on where this one stopped, and finds nothing to do when all is done.
 */
export const remapRecords = async ({
  sql,
  publisher,
  topology,
  source,
  scope,
  rate,
  signal,
  onProgress
}: RemapOptions): Promise<Remapped> => {
  const { records: asked } = await countRemappable(sql, scope)
  const done: Remapped = { asked, sent: 0 }
  const pace = createPace(rate)
  const limit = chunkSize(rate)
  const send = (record: KeptRecord, deadline: AbortSignal): Promise<void> =>
    publisher.publish(toRemap(record, source, scope.formatVersion, topology), {
      wait: true,
      signal: deadline
    })

  let after: DeliveryPlace | undefined
  for (;;) {
    await pace(limit, signal)
    if (signal.aborted) return done
    const records = await listRemappable(sql, scope, { limit, ...(after === undefined ? {} : { after }) })
    if (records.length === 0) return done
    const deadline = AbortSignal.timeout(SEND_TIMEOUT_MS)
    const answers = await Promise.allSettled(records.map((record) => send(record, deadline)))
    done.sent += answers.filter(({ status }) => status === 'fulfilled').length
    onProgress(done)
    const refused = answers.find((answer) => answer.status === 'rejected')
    if (refused !== undefined) return { ...done, problem: toError(refused.reason) }
    after = records.at(-1)
  }
}

/**
 * A kept record as it enters once more: the same fact, true and received when it was, under the version of its format
 * that is spoken now. With all else equal the higher version wins, and what is newer stays. It goes through the lane
 * of the feeds: no webhook waits for it.
 */
export const toRemap = (
  { messageId, externalId, stamp, record }: KeptRecord,
  source: SourceRow,
  formatVersion: number,
  topology: Topology
): OutgoingMessage => {
  const { factAt, receivedAt, ordinal, recordHash } = stampParts(stamp)
  const message = toMessage(
    {
      messageId,
      type: 'record',
      vendor: source.vendorSlug,
      source: source.slug,
      format: source.format,
      formatVersion,
      lane: 'webhook',
      externalId,
      factAt,
      factAtFrom: factAt === receivedAt ? 'receipt' : 'record',
      receivedAt,
      ordinal,
      recordHash,
      sourceRevision: source.revision,
      attempt: 0,
      body: Buffer.from(JSON.stringify(record))
    },
    topology.exchanges.requeue
  )
  return { ...message, routingKey: 'remap.feed' }
}
