import type { Retries } from '../retries.ts'
import type { Metrics } from './metrics.ts'

/** The same, and counts what the broker has confirmed. */
export const countedRetries = (
  retries: Retries,
  metrics: Pick<Metrics, 'retried' | 'quarantined'>
): Retries => ({
  ...retries,
  climb: async (delivery, error, to) => {
    const isConfirmed = await retries.climb(delivery, error, to)
    if (isConfirmed) metrics.retried(to.step)
    return isConfirmed
  },
  quarantine: async (delivery) => {
    const isConfirmed = await retries.quarantine(delivery)
    if (isConfirmed) metrics.quarantined()
    return isConfirmed
  }
})
