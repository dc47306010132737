import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client'
import type { MetricsSource } from '@sluice/shared/metrics-server'
import type { BatchFigures } from '../record-work.ts'
import { registerStream, type ReadLag } from './stream.ts'

/**
 * The figures of one worker, for Prometheus (`docs/operations.md`). Labels are bounded: lanes, outcomes, steps of the
 * ladder; never a source, an id or anything a vendor chose.
 */
export interface Metrics extends MetricsSource {
  batchSettled: (lane: string, figures: BatchFigures) => void
  /** A copy was sent up the ladder, to this step. */
  retried: (step: string) => void
  quarantined: () => void
  deadLettersStored: (count: number) => void
  changesPublished: (count: number) => void
}

export interface MetricsOptions {
  lanes: () => readonly { readonly name: string; readonly held: number }[]
  isCircuitOpen: () => boolean
  isRelaying: () => boolean
  readLag: ReadLag
}

/** From a webhook on an idle machine to the last step of the ladder. */
const CRITICAL_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1_800, 7_200]
/** To a statement timeout, and what follows one. */
const BATCH_SECONDS = [0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60]
const BATCH_MESSAGES = [1, 2, 5, 10, 20, 50, 100, 150, 200, 250]

export const createMetrics = ({ lanes, isCircuitOpen, isRelaying, readLag }: MetricsOptions): Metrics => {
  const registry = new Registry()
  const registers = [registry]
  const labelNames = ['lane'] as const
  collectDefaultMetrics({ register: registry })

  const criticalTime = new Histogram({
    name: 'sluice_worker_critical_time_seconds',
    help: 'Time from receipt of a record, or begin of its fetch, until what became of it is committed',
    labelNames,
    buckets: CRITICAL_SECONDS,
    registers
  })
  const batchSeconds = new Histogram({
    name: 'sluice_worker_batch_seconds',
    help: 'Time from a batch to its last answer to the broker',
    labelNames,
    buckets: BATCH_SECONDS,
    registers
  })
  const batchMessages = new Histogram({
    name: 'sluice_worker_batch_messages',
    help: 'Messages of a batch',
    labelNames,
    buckets: BATCH_MESSAGES,
    registers
  })
  const messages = new Counter({
    name: 'sluice_worker_messages_total',
    help: 'Messages, by what became of them',
    labelNames: ['lane', 'outcome'],
    registers
  })
  const redelivered = new Counter({
    name: 'sluice_worker_redelivered_total',
    help: 'Messages that had been delivered before',
    labelNames,
    registers
  })
  const retries = new Counter({
    name: 'sluice_worker_retries_total',
    help: 'Messages sent up the ladder, by step',
    labelNames: ['step'],
    registers
  })
  const quarantined = new Counter({
    name: 'sluice_worker_quarantined_total',
    help: 'Messages moved to quarantine because they came back too often',
    registers
  })
  const deadLetters = new Counter({
    name: 'sluice_worker_dead_letters_total',
    help: 'Dead letters stored',
    registers
  })
  const published = new Counter({
    name: 'sluice_worker_stream_published_total',
    help: 'Changes of offers the broker has confirmed',
    registers
  })
  const held = new Gauge({
    name: 'sluice_worker_held_deliveries',
    help: 'Deliveries in hand, not yet answered',
    labelNames,
    registers: [],
    collect() {
      for (const lane of lanes()) this.set({ lane: lane.name }, lane.held)
    }
  })
  const circuit = new Gauge({
    name: 'sluice_worker_circuit_open',
    help: 'Whether Postgres is away and deliveries are held',
    registers: [],
    collect() {
      this.set(Number(isCircuitOpen()))
    }
  })
  const relaying = new Gauge({
    name: 'sluice_worker_stream_leading',
    help: 'Whether this worker relays the stream out; one of all does',
    registers: [],
    collect() {
      this.set(Number(isRelaying()))
    }
  })
  for (const gauge of [held, circuit, relaying]) registry.registerMetric(gauge)
  registerStream(registry, readLag)

  return {
    batchSettled: (lane, { size, tookMs, redelivered: again, tally, criticalSeconds }) => {
      batchMessages.observe({ lane }, size)
      batchSeconds.observe({ lane }, tookMs / 1_000)
      redelivered.inc({ lane }, again)
      for (const seconds of criticalSeconds) criticalTime.observe({ lane }, seconds)
      const { held: _, ...outcomes } = tally // what is held has no outcome yet
      for (const [outcome, count] of Object.entries(outcomes)) messages.inc({ lane, outcome }, count)
    },
    retried: (step) => retries.inc({ step }),
    quarantined: () => quarantined.inc(),
    deadLettersStored: (count) => deadLetters.inc(count),
    changesPublished: (count) => published.inc(count),
    render: () => registry.metrics(),
    contentType: registry.contentType
  }
}
