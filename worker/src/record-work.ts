import { withTraceparent } from '@sluice/prisma/trace'
import type { Delivery } from '@sluice/shared/broker'
import { fromMessage, type Envelope } from '@sluice/shared/envelope'
import { toError } from '@sluice/shared/errors'
import type { Logger } from '@sluice/shared/log'
import { fromDate } from '@sluice/shared/time'
import { traceIdOf } from '@sluice/shared/trace'
import type { Applier, Result } from './apply.ts'
import type { Settlement, Settler, Tally } from './settle.ts'
import type { Work } from './work.ts'

export interface RecordWorkDeps {
  applier: Applier
  settler: Settler
  /** Hears of every batch. */
  observe?: (figures: BatchFigures) => void
  log: Logger
}

/** What there is to know of a batch that was answered. */
export interface BatchFigures {
  size: number
  tookMs: number
  /** How many had been delivered before. */
  redelivered: number
  tally: Tally
  /** From receipt to commit, of each message that has an outcome. */
  criticalSeconds: readonly number[]
}

/** A log line names so many traces; a batch of webhook records is no larger. */
const MAX_TRACES = 20

/** A batch of records from delivery to answer: read the envelopes, apply them, settle each by its own result. */
export const createRecordWork =
  ({ applier, settler, observe, log }: RecordWorkDeps): Work =>
  async (batch, options) => {
    const startedAt = performance.now()
    const readings = batch.map(read)
    const envelopes = readings.flatMap(({ envelope }) => envelope ?? [])
    const results = await applyTraced(applier, envelopes)
    const committedAt = fromDate(new Date())
    const byEnvelope = new Map<Envelope, Result>()
    for (const [index, envelope] of envelopes.entries()) {
      const result = results[index]
      if (result !== undefined) byEnvelope.set(envelope, result)
    }

    const settlements = readings.map(({ delivery, envelope, error }): Settlement => {
      if (envelope === undefined) return { delivery, result: { error } }
      const result = byEnvelope.get(envelope) ?? { error: new Error('The applier returned no result') }
      return { delivery, envelope, result }
    })
    const { held, tally } = await settler.settle(settlements, options)
    const redelivered = batch.reduce((sum, { deliveryCount }) => sum + Math.min(1, deliveryCount), 0)
    const figures = { size: batch.length, tookMs: Math.round(performance.now() - startedAt), redelivered }
    log.info({ ...figures, ...tally, ...tracesOf(envelopes) }, 'batch settled')
    observe?.({
      ...figures,
      tally,
      criticalSeconds: settlements.flatMap(({ envelope, result }) =>
        // What is over was received when its record was: nobody has waited since.
        envelope !== undefined && envelope.expiredAt === undefined && 'outcome' in result
          ? [Math.max(0, committedAt - envelope.receivedAt) / 1e6]
          : []
      )
    })
    return held
  }

/** The statements of a batch of one carry its trace; of many, the log line does. */
const applyTraced = (applier: Applier, envelopes: readonly Envelope[]): Promise<Result[]> => {
  const [first] = envelopes
  const traceparent = envelopes.length === 1 ? first?.traceparent : undefined
  const apply = (): Promise<Result[]> => applier.apply(envelopes)
  return traceparent === undefined || traceIdOf(traceparent) === undefined
    ? apply()
    : withTraceparent(traceparent, apply)
}

const tracesOf = (envelopes: readonly Envelope[]): { traceIds?: string[] } => {
  const ids = envelopes.flatMap(({ traceparent }) => traceIdOf(traceparent ?? '') ?? [])
  return ids.length === 0 ? {} : { traceIds: [...new Set(ids)].slice(0, MAX_TRACES) }
}

type Reading =
  | { delivery: Delivery; envelope: Envelope; error?: undefined }
  | { delivery: Delivery; envelope?: undefined; error: Error }

const read = (delivery: Delivery): Reading => {
  try {
    return { delivery, envelope: fromMessage(delivery) }
  } catch (thrown) {
    return { delivery, error: toError(thrown) }
  }
}
