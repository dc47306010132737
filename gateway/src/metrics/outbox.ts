import { Gauge, type Registry } from 'prom-client'
import type { OutboxUsage } from '@sluice/prisma/tables/outbox'
import { bounded } from '@sluice/shared/bounded'

/** What waits in the outbox, by source; those without anything are absent. */
export type ReadOutbox = () => Promise<readonly OutboxUsage[]>

/** Postgres may be slow just when the figures are looked at; they are then missing, and the others are told. */
const READ_MS = 1_000

/**
 * How much of each source waits, and for how long. Read when it is asked for: the outbox is one for all gateways, and
 * every one of them tells the same.
 */
export const registerOutbox = (registry: Registry, read: ReadOutbox, now = Date.now): void => {
  let reading: Promise<readonly OutboxUsage[]> | undefined
  /** One question for all the gauges of a scrape. */
  const usage = (): Promise<readonly OutboxUsage[]> => {
    reading ??= bounded(read(), READ_MS, 'reading the outbox')
      .catch(() => [])
      .finally(() => (reading = undefined))
    return reading
  }

  const gauge = (name: string, help: string, valueOf: (row: OutboxUsage) => number): void => {
    const made = new Gauge({
      name: `sluice_gateway_outbox_${name}`,
      help,
      labelNames: ['source'],
      registers: [],
      async collect() {
        const rows = await usage()
        this.reset()
        for (const row of rows) this.set({ source: row.sourceSlug }, valueOf(row))
      }
    })
    registry.registerMetric(made)
  }
  gauge('rows', 'Records that wait in the outbox', ({ rows }) => rows)
  gauge('bytes', 'Bytes of the records that wait in the outbox', ({ bytes }) => bytes)
  gauge('oldest_seconds', 'Age of the oldest record that waits in the outbox', ({ oldestAt }) =>
    Math.max(0, (now() - oldestAt.getTime()) / 1000)
  )
}
