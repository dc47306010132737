import type { Outcome } from '@sluice/shared/change'
import { stampOf, type Envelope } from '@sluice/shared/envelope'
import { codeOf, RecordError, toError } from '@sluice/shared/errors'
import { interpret } from '@sluice/shared/fact'
import type { Format } from '@sluice/shared/formats'
import { merge, type Merged } from '@sluice/shared/merge'
import type { Sql } from '@sluice/prisma/client'
import { settleFeedRecords, toFeedRecord } from '@sluice/prisma/tables/feed-records'
import { readOffers, type StoredOffer } from '@sluice/prisma/tables/offers'
import type { SourceRow } from '@sluice/prisma/tables/sources'

/** An offer of the file that readers would see changed. */
export type PreviewChange = NonNullable<Merged['change']> & { externalId: string }

/** A record of the file that would not be applied. */
export interface PreviewRejection {
  externalId: string
  ordinal: number
  /** Of its first byte, in the file. */
  offset: number
  code: string
  /** JSON pointer into the record, when one place is to blame. */
  path?: string
  message: string
}

export interface JudgeOptions {
  sql: Sql
  source: SourceRow
  format: Format
  /** Most changes, and most rejections, that are kept to be shown. */
  limit: number
}

/** An envelope; one of a record has a place in the file. */
interface Judged {
  envelope: Envelope
  offset?: number
}

/** Stands in for the workers: writes down what they would make of envelopes, and applies nothing. */
export interface Judge {
  /** How many offers of the file readers would see changed, and the first of them. */
  readonly changed: number
  readonly changes: readonly PreviewChange[]
  /** The first of the file. */
  readonly rejections: readonly PreviewRejection[]
  /** Each offer once. */
  judge: (envelopes: readonly Judged[]) => Promise<void>
}

export const createJudge = ({ sql, source, format, limit }: JudgeOptions): Judge => {
  const { id: sourceId, vendorId, timeZone } = source
  let changed = 0
  const changes: PreviewChange[] = []
  const rejections: PreviewRejection[] = []

  const reject = ({ envelope: { externalId, ordinal }, offset }: Judged, problem: Error): void => {
    if (offset === undefined || rejections.length >= limit) return
    const path = problem instanceof RecordError ? problem.path : undefined
    rejections.push({
      externalId,
      ordinal,
      offset,
      code: codeOf(problem),
      ...(path === undefined ? {} : { path }),
      message: problem.message
    })
  }

  const outcomeOf = (judged: Judged, offer: StoredOffer | undefined): Outcome => {
    const { envelope, offset } = judged
    try {
      const { meaning } = interpret(envelope, format, { timeZone })
      if ('problem' in meaning) {
        reject(judged, meaning.problem)
        return 'rejected'
      }
      const { outcome, change } = merge(offer, meaning.fact)
      if (offset !== undefined && change !== undefined) {
        changed += 1
        if (changes.length < limit) changes.push({ externalId: envelope.externalId, ...change })
      }
      return outcome
    } catch (thrown) {
      reject(judged, toError(thrown)) // a bug of the format: the workers would try again
      return 'retried'
    }
  }

  return {
    get changed() {
      return changed
    },
    changes,
    rejections,
    judge: async (envelopes) => {
      const keys = envelopes.map(({ envelope: { externalId } }) => ({ vendorId, externalId }))
      const stored = new Map((await readOffers(sql, keys)).map((offer) => [offer.externalId, offer]))
      const rows = envelopes.map((judged) => {
        const { envelope } = judged
        const outcome = outcomeOf(judged, stored.get(envelope.externalId))
        return toFeedRecord(envelope, {
          sourceId,
          stamp: stampOf(envelope),
          outcome,
          runId: envelope.run ?? ''
        })
      })
      await settleFeedRecords(sql, rows)
    }
  }
}
