import { Type, type Static } from 'typebox'
import { CommonConfig, loadConfig, ShutdownConfig } from '@sluice/shared/config'

const batches = (description: string) => Type.Integer({ minimum: 1, maximum: 16, default: 2, description })

export const WorkerConfigSchema = Type.Object({
  ...CommonConfig,
  ...ShutdownConfig,
  WORKER_HEALTH_HOST: Type.String({
    default: '127.0.0.1',
    minLength: 1,
    description: 'Address on which the worker answers /livez and /readyz'
  }),
  WORKER_HEALTH_PORT: Type.Integer({
    minimum: 0,
    maximum: 65_535,
    default: 8082,
    description: 'Port of /livez and /readyz; 0 takes a free one, for several workers on one machine'
  }),
  WORKER_METRICS_HOST: Type.String({
    default: '127.0.0.1',
    minLength: 1,
    description: 'Address of `/metrics`; keep it internal'
  }),
  WORKER_METRICS_PORT: Type.Optional(
    Type.Integer({
      minimum: 0,
      maximum: 65_535,
      description: 'Port of `/metrics`; 0 takes a free one, and without it there are no metrics'
    })
  ),
  WORKER_WEBHOOK_BATCHES: batches(
    'Batches of webhook records applied at once; each has a database connection of its own'
  ),
  WORKER_FEED_BATCHES: batches(
    'Batches of feed records applied at once; each has a database connection of its own'
  ),
  WORKER_FEED_BATCH_SIZE: Type.Integer({
    minimum: 1,
    maximum: 250,
    default: 250,
    description: 'Most feed records in one transaction'
  }),
  WORKER_HOLD_MS: Type.Integer({
    minimum: 1_000,
    maximum: 600_000,
    default: 300_000,
    description:
      'How long deliveries are held while Postgres is away before they go back to the queue; keep it below a third of the broker’s consumer timeout'
  }),
  WORKER_REPORT_WINDOW_MS: Type.Integer({
    minimum: 1_000,
    maximum: 3_600_000,
    default: 60_000,
    description: 'Rejections of one source and code within this time are one report'
  })
})
export type WorkerConfig = Readonly<Static<typeof WorkerConfigSchema>>

/** @throws ConfigError listing every setting that is missing or wrong. */
export const loadWorkerConfig = (environment?: Readonly<Record<string, string | undefined>>): WorkerConfig =>
  loadConfig(WorkerConfigSchema, environment)
