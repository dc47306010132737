import { collectDefaultMetrics, Counter, Gauge, Registry } from 'prom-client'
import type { RedisPhase } from '../quick-redis.ts'
import { registerOutbox, type ReadOutbox } from './outbox.ts'
import { createTallies } from './tallies.ts'

/** What the way of a request is divided into. */
const PHASES = ['auth', 'rate_limit', 'duplicates', 'read', 'publish'] as const
export type Phase = (typeof PHASES)[number]

/**
 * The figures of one gateway, for Prometheus. Labels are bounded: sources there are, codes of the catalogue; never an
 * id, an address or anything a sender chose.
 */
export interface Metrics {
  /** Does the work of a phase, takes its time however it ends, and counts when it throws: a refusal, or a fault. */
  timed: <T>(phase: Phase, work: () => T) => T
  /** The same for work that is waited for. */
  timedAsync: <T>(phase: Phase, work: () => Promise<T>) => Promise<T>
  /** Redis was not there to ask: so many requests went on without that check. */
  failedOpen: (phase: RedisPhase, requests: number) => void
  /** One request to a webhook was answered. `source` only once it is known to exist. */
  answered: (source: string | undefined, outcome: string, status: number, durationMs: number) => void
  inFlight: (change: 1 | -1) => void
  /** In the text format of Prometheus. */
  render: () => Promise<string>
  readonly contentType: string
}

/** From a rate limit that is not asked to a slow body: the last bound is the request timeout. */
const SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 0.8, 1, 2.5, 10]

/** Beyond it, further sources share one label. */
const MAX_SOURCES = 1_000

export interface MetricsOptions {
  readOutbox: ReadOutbox
  /** Figures that are read when they are looked at. */
  gauges?: Readonly<Record<string, () => number>>
}

export const createMetrics = ({ readOutbox, gauges = {} }: MetricsOptions): Metrics => {
  const registry = new Registry()
  const registers = [registry]
  const sources = new Set<string>()
  collectDefaultMetrics({ register: registry })
  const phases = createTallies({
    name: 'sluice_gateway_phase_seconds',
    help: 'Time a request spends in each phase',
    labelName: 'phase',
    labels: PHASES,
    bounds: SECONDS
  })
  const failures = new Counter({
    name: 'sluice_gateway_phase_failures_total',
    help: 'Requests that ended in each phase, refused or failed',
    labelNames: ['phase'],
    registers
  })
  const requests = createTallies({
    name: 'sluice_gateway_request_seconds',
    help: 'Time from the first header of a request to its answer, by class of status',
    labelName: 'status',
    bounds: SECONDS
  })
  const outcomes = new Counter({
    name: 'sluice_gateway_requests_total',
    help: 'Requests to webhooks, by what became of them: accepted, duplicate, challenge, or the code of the refusal',
    labelNames: ['source', 'outcome'],
    registers
  })
  const skipped = new Counter({
    name: 'sluice_gateway_failed_open_total',
    help: 'Requests that went on without a check because Redis did not answer in time',
    labelNames: ['phase'],
    registers
  })
  const inHand = new Gauge({
    name: 'sluice_gateway_requests_in_flight',
    help: 'Deliveries in hand, from their turn to the answer',
    registers
  })
  for (const phase of PHASES) failures.inc({ phase }, 0)
  for (const phase of ['rate_limit', 'duplicates'] as const) skipped.inc({ phase }, 0)
  registerOutbox(registry, readOutbox)
  for (const [name, read] of Object.entries(gauges)) {
    const gauge = new Gauge({
      name: `sluice_gateway_${name}`,
      help: name.replaceAll('_', ' '),
      registers: [],
      collect() {
        this.set(read())
      }
    })
    registry.registerMetric(gauge)
  }

  const took = (phase: Phase, startedAt: number): void =>
    phases.observe(phase, (performance.now() - startedAt) / 1000)

  const labelOf = (source: string | undefined): string => {
    if (source === undefined) return ''
    if (sources.size < MAX_SOURCES) sources.add(source)
    return sources.has(source) ? source : '(other)'
  }

  return {
    timed: (phase, work) => {
      const startedAt = performance.now()
      try {
        return work()
      } catch (error) {
        failures.inc({ phase })
        throw error
      } finally {
        took(phase, startedAt)
      }
    },
    timedAsync: async (phase, work) => {
      const startedAt = performance.now()
      try {
        return await work()
      } catch (error) {
        failures.inc({ phase })
        throw error
      } finally {
        took(phase, startedAt)
      }
    },
    failedOpen: (phase, requests) => skipped.inc({ phase }, requests),
    answered: (source, outcome, status, durationMs) => {
      outcomes.inc({ source: labelOf(source), outcome })
      requests.observe(`${Math.floor(status / 100)}xx`, durationMs / 1000)
    },
    inFlight: (change) => inHand.inc(change),
    render: async () => [await registry.metrics(), phases.render(), requests.render()].join('\n'),
    contentType: registry.contentType
  }
}
