import type { Outcome } from '@sluice/shared/change'
import type { DataError, RecordError } from '@sluice/shared/errors'
import { fromIso, toDate } from '@sluice/shared/time'
import type { RawSql } from '@sluice/prisma/client'
import { settleDeliveries, type NewDelivery } from '@sluice/prisma/tables/deliveries'
import { settleFeedRecords, toFeedRecord, type FeedRecordRow } from '@sluice/prisma/tables/feed-records'
import { noteExpiries, type Expiry } from '@sluice/prisma/tables/expiries'
import { closeRejections, openRejections, type NewRejection } from '@sluice/prisma/tables/rejections'
import type { Message } from './message.ts'

/** What became of one message, as the books will say it. */
export interface Entry {
  message: Pick<Message, 'envelope' | 'stamp' | 'record'> &
    Partial<Pick<Message, 'meaning'>> & { source: { id: number } }
  outcome: Outcome
  /** Why, for `rejected`, `retried` and `dead`. */
  problem?: { code: string; path?: string | undefined; message: string } | RecordError | DataError
}

export interface Ledger {
  deliveries: NewDelivery[]
  feedRecords: FeedRecordRow[]
  opened: NewRejection[]
  closed: { sourceId: number; externalId: string; stamp: string }[]
  expiries: Expiry[]
}

/** These say that the record itself was understood, so an open rejection of it is over. */
const UNDERSTOOD: ReadonlySet<Outcome> = new Set([
  'created',
  'updated',
  'unchanged',
  'stale',
  'withdrawn',
  'incomplete'
])

/** The rows a batch leaves in the books. Pure. */
export const toLedger = (entries: readonly Entry[]): Ledger => {
  const ledger: Ledger = { deliveries: [], feedRecords: [], opened: [], closed: [], expiries: [] }
  for (const { message, outcome, problem } of withoutEchoes(entries)) {
    const { envelope, stamp, source, record } = message
    const base = { sourceId: source.id, externalId: envelope.externalId, stamp }
    const { messageId } = envelope
    const why = problem === undefined ? {} : whyOf(problem)
    if (envelope.lane === 'webhook') {
      const receivedAt = toDate(envelope.receivedAt)
      ledger.deliveries.push({
        ...base,
        ...why,
        messageId,
        outcome,
        receivedAt,
        ...(envelope.recordCount === undefined ? {} : { recordCount: envelope.recordCount }),
        ...(record === undefined ? {} : { record })
      })
    } else if (envelope.run !== undefined) {
      const { run: runId } = envelope
      ledger.feedRecords.push(toFeedRecord(envelope, { sourceId: source.id, stamp, outcome, runId }))
    }
    if (outcome === 'rejected' && problem !== undefined) {
      ledger.opened.push({
        ...base,
        ...whyOf(problem),
        messageId,
        ...(envelope.run === undefined ? {} : { runId: envelope.run }),
        ...(record === undefined ? {} : { record })
      })
    }
    if (!UNDERSTOOD.has(outcome)) continue
    ledger.closed.push(base)
    const expiresAt = expiryOf(message)
    if (expiresAt === undefined) continue
    ledger.expiries.push({
      ...base,
      expiresAt,
      ...(envelope.run === undefined ? {} : { runId: envelope.run })
    })
  }
  return ledger
}

/** Writes it; belongs into the transaction of what it tells about. */
export const writeLedger = async (tx: RawSql, ledger: Ledger): Promise<void> => {
  await settleDeliveries(tx, ledger.deliveries)
  await settleFeedRecords(tx, ledger.feedRecords)
  await noteExpiries(tx, ledger.expiries)
  await openRejections(tx, ledger.opened)
  await closeRejections(tx, ledger.closed)
}

/** When what the record says will be over, if it said so and it is not over yet. */
const expiryOf = ({ meaning }: Entry['message']): number | undefined => {
  if (meaning === undefined || !('fact' in meaning)) return undefined
  const { change, isOver = false } = meaning.fact
  return change.kind !== 'upsert' || change.until === undefined || isOver ? undefined : fromIso(change.until)
}

const whyOf = ({ code, path, message }: NonNullable<Entry['problem']>) => ({
  code,
  message,
  ...(path === undefined ? {} : { path })
})

/** The same message twice in one batch: the first did the work, the second only found it done. */
const withoutEchoes = (entries: readonly Entry[]): Entry[] => {
  const seen = new Set<string>()
  return entries.filter(({ message: { envelope, stamp } }) => {
    const identity = `${envelope.messageId} ${stamp}`
    return !seen.has(identity) && seen.add(identity)
  })
}
