import type { Envelope } from '@sluice/shared/envelope'
import { RecordError } from '@sluice/shared/errors'
import type { FeedFormat } from '@sluice/shared/formats'
import { hashOf, parseRecord, readHead, type ParsedRecord, type RawRecord } from '@sluice/shared/records'
import type { Micros } from '@sluice/shared/time'
import type { RawSql } from '@sluice/prisma/client'
import { findSkippable } from '@sluice/prisma/tables/feed-records'
import type { FeedRunRow } from '@sluice/prisma/tables/feed-runs'
import { markSeen } from '@sluice/prisma/tables/run-seen'
import type { SourceRow } from '@sluice/prisma/tables/sources'
import { toFeedEnvelope } from './feed-envelope.ts'
import type { Books } from './ledger.ts'
import type { RecordBatch } from './read-batches.ts'
import { factsOf, idIn } from './record-facts.ts'
import type { Unreadable } from './unreadable.ts'

export interface DiffOptions {
  /** Asked with each batch: past Prisma, unless all of it is one transaction. */
  sql: RawSql
  run: Pick<FeedRunRow, 'id' | 'full'>
  source: SourceRow
  format: FeedFormat
  /** When the fetch started: the same for all records of a run. */
  receivedAt: Micros
  /** Since when the newest list of the feed is true: one that is fetched later is no older. */
  listedSince: Micros
  /** Offers it has dropped under a later time than that: external id → when. Having them back it is no older either. */
  lateGone: ReadonlyMap<string, Micros>
  ledger: Books
  unreadable: Unreadable
}

/** A batch, and what Postgres has of it. */
export interface LookedUp {
  records: readonly { raw: RawRecord; hash: string; externalId: string | undefined }[]
  /** Of `performance.now()`. */
  at: number
}

/** A record whose offer is known: skipped, or with the envelope it would travel in. */
interface Known {
  raw: RawRecord
  externalId: string
  envelope?: Envelope
}

export type Diff = ReturnType<typeof createDiff>

/** A record that must be sent. */
export interface Changed {
  envelope: Envelope
  /** Of its first byte, in the file. */
  offset: number
}

/** What was looked up is asked again after this long: sending may wait for workers, and what they apply is news. */
const BELIEVED_MS = 500
/** How much of a record that is no JSON is shown with its rejection. */
const SHOWN_BYTES = 4_000

/**
 * What of a batch must be sent: the records Postgres does not already have (plan §6), each offer once a file. Known
 * ones are found by their hash and never parsed.
 */
export const createDiff = (options: DiffOptions) => {
  const { sql, run, source, format, receivedAt, listedSince, lateGone, ledger, unreadable } = options
  const read = (raw: RawRecord, hash: string, fileFactAt: Micros): Known | undefined => {
    let parsed: ParsedRecord | undefined
    try {
      parsed = parseRecord(raw, format.feed.records)
      const facts = factsOf(parsed.value, { format, timeZone: source.timeZone, fileFactAt })
      const { externalId, factAt, factAtFrom } = facts
      for (const warning of [parsed.warning, facts.warning]) {
        if (warning === undefined) continue
        const { code, message } = warning
        ledger.addProblem({ offset: raw.offset, ordinal: raw.ordinal, externalId, code, message })
      }
      const envelope = toFeedEnvelope(options, {
        type: 'record',
        externalId,
        factAt,
        factAtFrom,
        receivedAt,
        ordinal: raw.ordinal,
        recordHash: hash,
        body: parsed.toBody()
      })
      // A record that knows its own time does not know when it was listed; nor does a file that was put back.
      const listedAt = Math.max(fileFactAt, listedSince, lateGone.get(externalId) ?? 0)
      if (listedAt !== factAt) envelope.listedAt = listedAt
      return { raw, externalId, envelope }
    } catch (thrown) {
      if (!(thrown instanceof RecordError)) throw thrown
      const { offset, ordinal } = raw
      const record = parsed?.value ?? raw.bytes.toString('utf8', 0, SHOWN_BYTES)
      const externalId =
        parsed === undefined ? idIn(readHead(raw.bytes, format.feed.records), format) : undefined
      unreadable.add({ offset, ordinal, error: thrown, hash, record, externalId })
      return undefined
    }
  }

  const lookUp = async (records: readonly RawRecord[]): Promise<LookedUp> => {
    const at = performance.now()
    const hashes = records.map(hashOf)
    const skippable = await findSkippable(sql, {
      sourceId: source.id,
      sourceSlug: source.slug,
      vendorId: source.vendorId,
      formatVersion: format.formatVersion,
      sourceRevision: source.revision,
      recordHashes: run.full ? [] : [...new Set(hashes)]
    })
    const found = records.map((raw, index) => {
      const hash = hashes[index] ?? ''
      return { raw, hash, externalId: skippable.get(hash) }
    })
    return { records: found, at }
  }

  return {
    /** Changes nothing: the next batch may be looked up while this one is sent. */
    lookUp,

    /** What to send, in file order. Batches come one after another: of two records of an offer the first one counts. */
    toSend: async (lookedUp: LookedUp, fileFactAt: Micros): Promise<Changed[]> => {
      const isOld = performance.now() - lookedUp.at > BELIEVED_MS
      const { records } = isOld ? await lookUp(lookedUp.records.map(({ raw }) => raw)) : lookedUp
      const known = records.flatMap(({ raw, hash, externalId }): Known[] => {
        if (externalId !== undefined) return [{ raw, externalId }]
        const readable = read(raw, hash, fileFactAt)
        return readable === undefined ? [] : [readable]
      })
      const seen = await markSeen(
        sql,
        run.id,
        known.map(({ externalId }) => externalId)
      )
      return known.flatMap(({ raw, externalId, envelope }) => {
        if (seen.has(externalId)) {
          ledger.figures.duplicates += 1
          ledger.addProblem({
            offset: raw.offset,
            ordinal: raw.ordinal,
            externalId,
            code: 'RECORD_DUPLICATE',
            message: `The file holds "${externalId}" more than once; the first one counts`
          })
          return []
        }
        seen.add(externalId)
        if (envelope !== undefined) return { envelope, offset: raw.offset }
        ledger.figures.skipped += 1
        return []
      })
    }
  }
}

/** Each batch with its records looked up. */
export const lookUp = async function* (
  batches: AsyncIterable<RecordBatch>,
  diff: Pick<Diff, 'lookUp'>
): AsyncGenerator<{ batch: RecordBatch; lookedUp: LookedUp }> {
  for await (const batch of batches) yield { batch, lookedUp: await diff.lookUp(batch.records) }
}
