import type { RecordError } from '@sluice/shared/errors'
import type { Reporter } from '@sluice/shared/sentry'
import { toStamp } from '@sluice/shared/stamp'
import type { Micros } from '@sluice/shared/time'
import type { Db } from '@sluice/prisma/client'
import type { FeedRunRow } from '@sluice/prisma/tables/feed-runs'
import { closeOffsetRejections, openRejections, type NewRejection } from '@sluice/prisma/tables/rejections'
import type { SourceRow } from '@sluice/prisma/tables/sources'
import type { Books } from './ledger.ts'

/**
 * Records of a feed that cannot be read. They are rejected under their byte offset, and the next pass over a sound file
 * closes them. Of some it is known all the same which offers they are: those are still offered, so they count as seen.
 */
export interface Unreadable {
  add: (record: UnreadableRecord) => void
  /** How many nobody knows: any of the feed's offers can be among them. */
  readonly unidentified: number
  /** The ids that are known. */
  readonly identified: readonly string[]
  /** Writes what was added. */
  flush: () => Promise<void>
  /** The file was read to its end: what earlier runs could not read is gone or was added again. */
  closeOthers: () => Promise<void>
}

interface UnreadableRecord {
  offset: number
  ordinal: number
  error: Pick<RecordError, 'code' | 'message' | 'path'>
  hash?: string
  /** When it is certain. */
  externalId?: string | undefined
  /** As far as it could be read. */
  record?: unknown
}

export interface UnreadableOptions {
  db: Db
  run: Pick<FeedRunRow, 'id'>
  source: Pick<SourceRow, 'id' | 'slug'>
  formatVersion: number
  receivedAt: Micros
  ledger: Books
  reporter: Pick<Reporter, 'rejection'>
}

/** Beyond that a file is simply broken, and a row for every piece of it tells nobody more. */
const MAX_REJECTIONS = 1_000

/** Only counts them, in the books: nobody is told. */
export const countUnreadable = (ledger: Books): Unreadable => {
  let unidentified = 0
  const identified: string[] = []
  return {
    get unidentified() {
      return unidentified
    },
    identified,
    add: ({ offset, ordinal, error: { code, message }, externalId }) => {
      ledger.figures.malformed += 1
      ledger.addProblem({
        offset,
        ordinal,
        code,
        message,
        ...(externalId === undefined ? {} : { externalId })
      })
      if (externalId === undefined || identified.length >= MAX_REJECTIONS) unidentified += 1
      else identified.push(externalId)
    },
    flush: () => Promise.resolve(),
    closeOthers: () => Promise.resolve()
  }
}

export const createUnreadable = (options: UnreadableOptions): Unreadable => {
  const { db, run, source, formatVersion, receivedAt, ledger, reporter } = options
  const counted = countUnreadable(ledger)
  let pending: NewRejection[] = []
  let written = 0

  return {
    get unidentified() {
      return counted.unidentified
    },
    identified: counted.identified,
    add: (unread) => {
      counted.add(unread)
      const { offset, ordinal, hash = '', record } = unread
      const { code, message, path } = unread.error
      const messageId = `${run.id}.${ordinal}`
      reporter.rejection({ source: source.slug, code, message, messageId, path, record })
      if (written + pending.length >= MAX_REJECTIONS) return
      pending.push({
        sourceId: source.id,
        externalId: `offset:${offset}`,
        code,
        message,
        stamp: toStamp({ factAt: receivedAt, receivedAt, ordinal, formatVersion, recordHash: hash }),
        messageId,
        runId: run.id,
        ...(path === undefined ? {} : { path }),
        ...(record === undefined ? {} : { record })
      })
    },
    flush: async () => {
      const rejections = pending
      pending = []
      written += rejections.length
      await openRejections(db.sql, rejections)
    },
    closeOthers: () => closeOffsetRejections(db.sql, source.id, run.id)
  }
}
