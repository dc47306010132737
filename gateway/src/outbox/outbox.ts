import type { NewOutboxRow, OutboxLimits, OutboxStored } from '@sluice/prisma/tables/outbox'
import type { OutgoingMessage } from '@sluice/shared/envelope'
import { DataError, DependencyError, toError } from '@sluice/shared/errors'
import type { Logger } from '@sluice/shared/log'
import { OUTBOX_MAX_BYTES, OUTBOX_MAX_ROWS } from '../limits.ts'
import { fitting, nextBatch } from './batches.ts'

/** Records accepted while the broker is not available, committed to Postgres until a relay has published them. */
export interface Outbox {
  /**
   * Resolves to `stored` when all of them are committed, to `full` when the source has no room for them and none was.
   * @throws when Postgres is away, or has not said within the time that they are: they may be stored all the same
   */
  store: (
    messages: readonly OutgoingMessage[],
    sourceId: number,
    timeLeftMs: number
  ) => Promise<'stored' | 'full'>
  /** Goes the whole way once with nothing: the first to need it has 200 ms, which a cold way would use up. Never throws. */
  warmUp: () => Promise<void>
}

export interface OutboxOptions {
  /** `insertOutbox`: per source all or nothing, and what there was before. */
  insert: (rows: readonly NewOutboxRow[], limits: OutboxLimits) => Promise<OutboxStored[]>
  log: Logger
  limits?: OutboxLimits
}

/** The records of one request that stand in line, and who waits for them. */
export interface Entry {
  sourceId: number
  rows: readonly NewOutboxRow[]
  bytes: number
  resolve: (outcome: 'stored' | 'full') => void
  reject: (error: Error) => void
}

/** Statements under way at once: what hangs in one of them leaves the others a way. */
const AT_ONCE = 2
/** What may stand in line, in bytes; Postgres stores as much in a second or two, longer than anybody may wait. */
const MAX_WAITING_BYTES = 32 * 1024 * 1024

/**
 * Requests that arrive while a statement is under way share the next one: a commit costs the same for one as for
 * hundreds, and however many requests there are, the outbox takes two connections.
 */
export const createOutbox = ({
  insert,
  log,
  limits = { maxRows: OUTBOX_MAX_ROWS, maxBytes: OUTBOX_MAX_BYTES }
}: OutboxOptions): Outbox => {
  const line: Entry[] = []
  let waitingBytes = 0
  let underway = 0

  const leave = (entry: Entry): void => {
    const place = line.indexOf(entry)
    if (place < 0) return
    line.splice(place, 1)
    waitingBytes -= entry.bytes
  }

  const pump = (): void => {
    while (underway < AT_ONCE && line.length > 0) {
      const batch = nextBatch(line)
      for (const entry of batch) leave(entry)
      underway += 1
      void write(batch).finally(() => {
        underway -= 1
        pump()
      })
    }
  }

  /** Settles every entry; never throws. */
  const write = async (batch: readonly Entry[]): Promise<void> => {
    try {
      await insertAll(batch)
    } catch (thrown) {
      const error = toError(thrown)
      if (error instanceof DataError && batch.length > 1) {
        for (const entry of batch) await write([entry]) // one of them is to blame, the others are not
        return
      }
      log.warn({ err: error, requests: batch.length }, 'records could not be stored in the outbox')
      for (const entry of batch) entry.reject(error)
    }
  }

  const insertAll = async (batch: readonly Entry[], isLastTry = false): Promise<void> => {
    const answers = await insert(
      batch.flatMap(({ rows }) => rows),
      limits
    )
    const again: Entry[] = []
    for (const [sourceId, entries] of Map.groupBy(batch, (entry) => entry.sourceId)) {
      const answer = answers.find((candidate) => candidate.sourceId === sourceId)
      if (answer === undefined) for (const entry of entries) entry.reject(gone())
      else if (answer.stored) for (const entry of entries) entry.resolve('stored')
      else {
        // Together they were too much; what there was before tells which of them may still go in.
        const fit = isLastTry || entries.length === 1 ? [] : fitting(entries, answer, limits)
        for (const entry of entries) if (!fit.includes(entry)) entry.resolve('full')
        again.push(...fit)
      }
    }
    if (again.length > 0) await insertAll(again, true)
  }

  return {
    store: (messages, sourceId, timeLeftMs) => {
      const rows = messages.map((message) => toRow(message, sourceId))
      const bytes = rows.reduce((sum, { body }) => sum + body.length, 0)
      if (timeLeftMs <= 0) return Promise.reject(late('no time was left'))
      if (waitingBytes + bytes > MAX_WAITING_BYTES) return Promise.reject(late('too much stands in line'))
      const { promise, resolve, reject } = Promise.withResolvers<'stored' | 'full'>()
      const entry: Entry = { sourceId, rows, bytes, resolve, reject }
      const timer = setTimeout(() => {
        leave(entry)
        // Behind the poll: in a loop that was busy, a timer runs before the answer that has arrived is read.
        setImmediate(() => reject(late(`it took longer than ${Math.round(timeLeftMs)} ms`)))
      }, timeLeftMs)
      line.push(entry)
      waitingBytes += bytes
      pump()
      return promise.finally(() => clearTimeout(timer))
    },
    warmUp: async () => {
      await Promise.allSettled(Array.from({ length: AT_ONCE }, () => insert([], limits)))
    }
  }
}

const toRow = ({ routingKey, body, properties }: OutgoingMessage, sourceId: number): NewOutboxRow => ({
  sourceId,
  messageId: properties.messageId,
  routingKey,
  properties,
  body
})

const late = (why: string): DependencyError =>
  new DependencyError('postgres', 'OUTBOX_LATE', `The outbox did not store the records in time: ${why}`)

const gone = (): DependencyError =>
  new DependencyError('postgres', 'OUTBOX_SOURCE_GONE', 'The source was deleted while its records arrived')
