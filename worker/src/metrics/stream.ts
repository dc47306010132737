import { Gauge, type Registry } from 'prom-client'
import type { StreamLag } from '@sluice/prisma/tables/offer-stream'
import { bounded } from '@sluice/shared/bounded'

export type ReadLag = () => Promise<StreamLag>

/** Postgres may be slow just when the figures are looked at; these are then missing, and the others are told. */
const READ_MS = 1_000

/**
 * How much of the stream waits to be published, and for how long. Read when it is asked for: the stream is one for all
 * workers, and each of them tells the same, also when the one that should relay does not.
 */
export const registerStream = (registry: Registry, read: ReadLag): void => {
  let reading: Promise<StreamLag | undefined> | undefined
  /** One question for both gauges of a scrape. */
  const lag = (): Promise<StreamLag | undefined> => {
    reading ??= bounded(read(), READ_MS, 'reading the lag of the stream')
      .catch(() => undefined)
      .finally(() => (reading = undefined))
    return reading
  }
  const gauge = (name: string, help: string, valueOf: (lag: StreamLag) => number): void => {
    const made = new Gauge({
      name: `sluice_worker_stream_${name}`,
      help,
      registers: [],
      async collect() {
        const known = await lag()
        if (known === undefined) this.remove()
        else this.set(valueOf(known))
      }
    })
    registry.registerMetric(made)
  }
  gauge('unpublished_changes', 'Changes committed and not yet published', ({ unpublished }) => unpublished)
  gauge('oldest_unpublished_seconds', 'How long the oldest of them has waited', ({ oldestSeconds = 0 }) =>
    Math.max(0, oldestSeconds)
  )
}
