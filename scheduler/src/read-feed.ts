import { createReadStream } from 'node:fs'
import type { Publisher } from '@sluice/shared/broker'
import { toMessage } from '@sluice/shared/envelope'
import { RecordError } from '@sluice/shared/errors'
import type { Logger } from '@sluice/shared/log'
import { readRecords, type DocumentEnd } from '@sluice/shared/records'
import { toMicros, type Micros } from '@sluice/shared/time'
import { createDiff, type DiffOptions } from './diff.ts'
import type { Credit } from './credit.ts'
import { readBatches } from './read-batches.ts'
import { createSender, type Sender } from './sender.ts'

export interface ReadFeedOptions extends DiffOptions {
  /** The spooled files, in the order they were fetched. */
  paths: readonly string[]
  /** The time of its records unless it, or they, state one. */
  fileFactAt: Micros
  maxRecordBytes: number
  credit: Pick<Credit, 'take'>
  publisher: Pick<Publisher, 'publish'>
  exchange: string
  signal: AbortSignal
  log: Logger
}

const READ_BYTES = 256 * 1024

/**
 * One pass over the spooled files of a run: what Postgres does not have is published, everything is counted. Resolves when the
 * broker has it all.
 * @returns how they ended
 */
export const readFeed = async (options: ReadFeedOptions): Promise<DocumentEnd> => {
  const over = new AbortController()
  try {
    return await read({ ...options, signal: AbortSignal.any([options.signal, over.signal]) })
  } finally {
    over.abort() // a pass that failed sends nothing more
  }
}

const read = async (options: ReadFeedOptions): Promise<DocumentEnd> => {
  const { publisher, signal, log, ledger } = options
  const { figures } = ledger
  const changed = createDiff(options)
  const sender = createSender({ publisher, signal, log, onConfirmed: () => void (figures.published += 1) })
  const ends: DocumentEnd[] = []
  for (const path of options.paths) {
    ends.push(await readOne(path, options, { changed, sender }))
  }
  await sender.flush()
  return toOneEnd(ends)
}

interface Hands {
  changed: ReturnType<typeof createDiff>
  sender: Sender
}

/** Places and numbers of a record go on from file to file: they name it within the run. */
const readOne = async (
  path: string,
  options: ReadFeedOptions,
  { changed, sender }: Hands
): Promise<DocumentEnd> => {
  const { credit, exchange, signal, ledger, unreadable, format } = options
  const { figures } = ledger
  const bytesBefore = figures.bytesRead
  const recordsBefore = figures.recordsSeen
  const placed = <T extends { offset: number; ordinal: number }>(records: T[]): T[] => {
    for (const record of records) {
      record.offset += bytesBefore
      record.ordinal += recordsBefore
    }
    return records
  }
  let { fileFactAt } = options

  const bytes = countBytes(createReadStream(path, { highWaterMark: READ_BYTES }), figures)
  const events = readRecords(bytes, format.feed.records, { maxRecordBytes: options.maxRecordBytes })
  for await (const batch of readBatches(events)) {
    signal.throwIfAborted()
    if (batch.generatedAt !== undefined) {
      fileFactAt = generatedAtOf(batch.generatedAt, options) ?? fileFactAt
    }
    for (const { code, message } of batch.warnings) ledger.addProblem({ code, message })
    for (const { offset, ordinal, code, message } of placed(batch.malformed)) {
      unreadable.add({ offset, ordinal, error: { code, message, path: undefined } })
    }
    figures.recordsSeen += batch.records.length + batch.malformed.length
    const envelopes = batch.records.length === 0 ? [] : await changed(placed(batch.records), fileFactAt)
    await unreadable.flush()
    for (const envelope of envelopes) {
      await credit.take()
      await sender.send(toMessage(envelope, exchange))
    }
    if (batch.end !== undefined) return batch.end
  }
  throw new Error('the reader ended without saying how') // it always does
}

/** Of several files: whole when each was, and the first fault counts. */
const toOneEnd = (ends: readonly DocumentEnd[]): DocumentEnd => {
  const fault = ends.find((end) => end.fault !== undefined)?.fault
  return {
    kind: 'end',
    complete: ends.every(({ complete }) => complete),
    records: ends.reduce((sum, { records }) => sum + records, 0),
    malformed: ends.reduce((sum, { malformed }) => sum + malformed, 0),
    bytes: ends.reduce((sum, { bytes }) => sum + bytes, 0),
    ...(fault === undefined ? {} : { fault })
  }
}

const countBytes = async function* (
  stream: AsyncIterable<Buffer>,
  figures: { bytesRead: number }
): AsyncGenerator<Buffer> {
  for await (const chunk of stream) {
    figures.bytesRead += chunk.length
    yield chunk
  }
}

const generatedAtOf = (
  value: string,
  { source, receivedAt, ledger }: ReadFeedOptions
): Micros | undefined => {
  try {
    return Math.min(toMicros(value, source.timeZone), receivedAt)
  } catch (thrown) {
    if (!(thrown instanceof RecordError)) throw thrown
    ledger.addProblem({ code: 'GENERATED_AT_INVALID', message: thrown.message })
    return undefined
  }
}
