import { setTimeout as sleep } from 'node:timers/promises'
import type { DeliveryRow } from '@sluice/prisma/tables/deliveries'
import { madeAt } from './delivery-id.ts'
import { DELIVERY_MS } from './limits.ts'
import { createPlaces } from './places.ts'
import type { QueuedMark, QueuedMarks } from './queued-marks.ts'

/** What became of one record, as its vendor is told. */
export interface RecordStatus {
  index: number
  externalId?: string
  /** An outcome of the worker; `queued` while there is none, or only one that is not its last. */
  outcome: string
  /** Why it was rejected. */
  code?: string
  /** Where in the record, as a JSON pointer. */
  path?: string
  message?: string
  settledAt?: string
}

export interface DeliveryStatus {
  id: string
  /** `queued`: some records have not been applied yet. `done`: what `records` says is final. */
  state: 'queued' | 'done'
  records: RecordStatus[]
}

/** What is known of a delivery, each from where it is known. */
export interface DeliveryTraces {
  settled: readonly DeliveryRow[]
  /** Message ids in the outbox. */
  outboxed: readonly string[]
  mark: QueuedMark | undefined
}

/** What has happened to a delivery of this source; `undefined` when nobody knows of one. @throws when it cannot be asked in time */
export type FindDelivery = (deliveryId: string, sourceId: number) => Promise<DeliveryStatus | undefined>

export interface DeliveriesDeps {
  /** Of any source. */
  findSettled: (deliveryId: string) => Promise<DeliveryRow[]>
  findOutboxed: (sourceId: number, deliveryId: string) => Promise<string[]>
  queuedMarks: Pick<QueuedMarks, 'find'>
  now?: () => number
}

/** The mark of a delivery is written this much after its answer, at the latest. */
const MARK_AFTER_MS = 100
/** Only of a delivery so young may the mark be on its way. */
const YOUNG_MS = 2_000
/** Each takes a connection to Postgres: questions, however many, leave those of the outbox alone. */
const LOOKS_AT_ONCE = 2

export const createFindDelivery = ({
  findSettled,
  findOutboxed,
  queuedMarks,
  now = Date.now
}: DeliveriesDeps): FindDelivery => {
  const inPlace = createPlaces(LOOKS_AT_ONCE, DELIVERY_MS)

  const look: FindDelivery = async (deliveryId, sourceId) => {
    // The mark first and the books last: a record that moves on meanwhile is seen where it arrives.
    const mark = await queuedMarks.find(deliveryId)
    const outboxed = await findOutboxed(sourceId, deliveryId)
    const settled = await findSettled(deliveryId)
    return toDeliveryStatus(deliveryId, {
      settled: settled.filter((row) => row.sourceId === sourceId),
      outboxed,
      mark: mark?.sourceId === sourceId ? mark : undefined
    })
  }

  return async (deliveryId, sourceId) => {
    if (!DELIVERY_ID.test(deliveryId)) return undefined
    const found = await inPlace(() => look(deliveryId, sourceId))
    if (found !== undefined || now() - madeAt(deliveryId) > YOUNG_MS) return found
    await sleep(MARK_AFTER_MS)
    return await inPlace(() => look(deliveryId, sourceId))
  }
}

/** A UUID of version 7, as `createDeliveryId` makes them. */
const DELIVERY_ID = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/

/** Puts together what is known; pure. A record nobody has settled is queued, wherever it is. */
export const toDeliveryStatus = (
  id: string,
  { settled, outboxed, mark }: DeliveryTraces
): DeliveryStatus | undefined => {
  const rows = new Map(settled.map((row) => [indexOf(row.messageId), row]))
  const said = settled.map(({ recordCount }) => recordCount ?? 1)
  const count = Math.max(
    mark?.records ?? 0,
    ...said,
    ...[...rows.keys(), ...outboxed.map(indexOf)].map((n) => n + 1)
  )
  if (count === 0) return undefined
  const records = Array.from({ length: count }, (_, index) => toRecordStatus(index, rows.get(index)))
  return { id, state: records.every(({ outcome }) => outcome !== 'queued') ? 'done' : 'queued', records }
}

const indexOf = (messageId: string): number => Number(messageId.slice(messageId.lastIndexOf('.') + 1))

const toRecordStatus = (index: number, row: DeliveryRow | undefined): RecordStatus => {
  if (row === undefined) return { index, outcome: 'queued' }
  const { externalId, outcome, code, path, message, settledAt } = row
  // Up the retry ladder for a reason of ours, of which the vendor is told nothing but that it is not over.
  if (outcome === 'retried') return { index, externalId, outcome: 'queued' }
  return {
    index,
    externalId,
    outcome,
    settledAt: settledAt.toISOString(),
    ...(outcome === 'dead' ? { message: DEAD } : {}),
    ...(outcome === 'rejected'
      ? {
          ...(code === undefined ? {} : { code }),
          ...(path === undefined ? {} : { path }),
          ...(message === undefined ? {} : { message })
        }
      : {})
  }
}

const DEAD = 'Not applied, for a reason on our side; it is kept, and applied again when that is mended.'
