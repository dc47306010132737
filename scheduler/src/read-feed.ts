import { RecordError } from '@sluice/shared/errors'
import { readHead, type DocumentEnd } from '@sluice/shared/records'
import { toMicros, type Micros } from '@sluice/shared/time'
import { createDiff, lookUp, type Changed, type Diff, type DiffOptions } from './diff.ts'
import { readAhead } from './read-ahead.ts'
import { readBatches } from './read-batches.ts'
import { readBody, type BodyOptions } from './read-body.ts'
import { idIn } from './record-facts.ts'
import type { Spooled } from './spool.ts'

export interface ReadFeedOptions extends DiffOptions {
  /** The spooled files, in the order they were fetched. */
  bodies: readonly Spooled[]
  settings: BodyOptions['settings']
  /** The time of its records unless it, or they, state one. */
  fileFactAt: Micros
  maxRecordBytes: number
  /** Of an unpacked file. */
  maxBytes: number
  /** Whether the next batch is looked up while one is sent: not where all of it is one transaction. */
  looksAhead: boolean
  outlet: Outlet
  signal: AbortSignal
}

/** Where the records go that Postgres does not have. */
export interface Outlet {
  /** Those of a batch, in file order; it may be none. Resolves when there is room for more. */
  send: (changed: readonly Changed[]) => Promise<void>
  /** Resolves when all of them have arrived. */
  flush: () => Promise<void>
  /** Sends nothing more. */
  close: () => void
}

/** How the files of a run ended. */
export interface FeedEnd extends DocumentEnd {
  /** Since when the list they make is true: of several files, the oldest. */
  listedAt: Micros
}

/**
 * One pass over the spooled files of a run: what Postgres does not have goes out, everything is counted. Resolves when all
 * of it has arrived.
 */
export const readFeed = async (options: ReadFeedOptions): Promise<FeedEnd> => {
  try {
    return await read(options)
  } finally {
    options.outlet.close() // also when the pass failed
  }
}

const read = async (options: ReadFeedOptions): Promise<FeedEnd> => {
  const diff = createDiff(options)
  const ends: FeedEnd[] = []
  let offset = 0
  for (const body of options.bodies) {
    const end = await readOne(body, offset, options, diff)
    ends.push(end)
    offset += end.bytes
  }
  await options.outlet.flush()
  return toOneEnd(ends)
}

/** Places and numbers of a record go on from file to file: they name it within the run. */
const readOne = async (
  body: Spooled,
  offset: number,
  options: ReadFeedOptions,
  diff: Diff
): Promise<FeedEnd> => {
  const { outlet, signal, ledger, unreadable, format } = options
  const { figures } = ledger
  const recordsBefore = figures.recordsSeen
  const placed = <T extends { offset: number; ordinal: number }>(records: T[]): T[] => {
    for (const record of records) {
      record.offset += offset
      record.ordinal += recordsBefore
    }
    return records
  }
  let { fileFactAt } = options

  const onRead = (bytes: number): void => void (figures.bytesRead += bytes)
  const events = readBody(body, { ...options, onRead })
  const batches = lookUp(readAhead(readBatches(events)), diff)
  // In memory are three: one that is sent, one that is looked up and one that is read.
  for await (const { batch, lookedUp } of options.looksAhead ? readAhead(batches) : batches) {
    signal.throwIfAborted()
    if (batch.generatedAt !== undefined) {
      fileFactAt = generatedAtOf(batch.generatedAt, options) ?? fileFactAt
    }
    for (const { code, message } of batch.warnings) ledger.addProblem({ code, message })
    for (const { offset: at, ordinal, code, message, head } of placed(batch.malformed)) {
      const externalId = head === undefined ? undefined : idIn(readHead(head, format.feed.records), format)
      unreadable.add({ offset: at, ordinal, error: { code, message, path: undefined }, externalId })
    }
    figures.recordsSeen += batch.records.length + batch.malformed.length
    placed(batch.records)
    const changed = await diff.toSend(lookedUp, fileFactAt)
    await unreadable.flush()
    await outlet.send(changed)
    if (batch.end !== undefined) return { ...batch.end, listedAt: fileFactAt }
  }
  throw new Error('the reader ended without saying how') // it always does
}

/** Of several files: whole when each was, and the first fault counts. */
const toOneEnd = (ends: readonly FeedEnd[]): FeedEnd => {
  const fault = ends.find((end) => end.fault !== undefined)?.fault
  const extent = toOneExtent(ends)
  return {
    kind: 'end',
    complete: ends.every(({ complete }) => complete),
    records: ends.reduce((sum, { records }) => sum + records, 0),
    malformed: ends.reduce((sum, { malformed }) => sum + malformed, 0),
    bytes: ends.reduce((sum, { bytes }) => sum + bytes, 0),
    listedAt: Math.min(...ends.map(({ listedAt }) => listedAt)),
    ...(extent === undefined ? {} : { extent }),
    ...(fault === undefined ? {} : { fault })
  }
}

/** A part if one of them is, full if all of them are. */
const toOneExtent = (ends: readonly DocumentEnd[]): DocumentEnd['extent'] => {
  if (ends.some(({ extent }) => extent === 'part')) return 'part'
  return ends.every(({ extent }) => extent === 'full') ? 'full' : undefined
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
