import type { Delivery } from '@sluice/shared/broker'
import { fromMessage, type Envelope } from '@sluice/shared/envelope'
import { toError } from '@sluice/shared/errors'
import type { Logger } from '@sluice/shared/log'
import type { Applier, Result } from './apply.ts'
import type { Settlement, Settler } from './settle.ts'
import type { Work } from './work.ts'

export interface RecordWorkDeps {
  applier: Applier
  settler: Settler
  log: Logger
}

/** A batch of records from delivery to answer: read the envelopes, apply them, settle each by its own result. */
export const createRecordWork =
  ({ applier, settler, log }: RecordWorkDeps): Work =>
  async (batch, options) => {
    const startedAt = performance.now()
    const readings = batch.map(read)
    const envelopes = readings.flatMap(({ envelope }) => envelope ?? [])
    const results = await applier.apply(envelopes)
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
    log.info(
      { size: batch.length, tookMs: Math.round(performance.now() - startedAt), redelivered, ...tally },
      'batch settled'
    )
    return held
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
