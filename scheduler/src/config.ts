import { Type, type Static } from 'typebox'
import { CommonConfig, loadConfig, ShutdownConfig } from '@sluice/shared/config'
import { SealingConfig } from '@sluice/shared/sealing'

const MIB = 1024 * 1024
const MINUTE_MS = 60_000

export const SchedulerConfigSchema = Type.Object({
  ...CommonConfig,
  ...ShutdownConfig,
  ...SealingConfig,
  SCHEDULER_HEALTH_HOST: Type.String({
    default: '127.0.0.1',
    minLength: 1,
    description: 'Address on which the scheduler answers /livez and /readyz'
  }),
  SCHEDULER_HEALTH_PORT: Type.Integer({
    minimum: 0,
    maximum: 65_535,
    default: 8081,
    description: 'Port of /livez and /readyz; 0 takes a free one, for several schedulers on one machine'
  }),
  SCHEDULER_TICK_SECONDS: Type.Integer({
    minimum: 1,
    maximum: 30,
    default: 1,
    description: 'How often due feeds are looked for; a run that is asked for waits up to this long'
  }),
  SCHEDULER_MAX_RUNS: Type.Integer({
    minimum: 1,
    maximum: 50,
    default: 4,
    description: 'Most feeds one scheduler reads at the same time'
  }),
  SCHEDULER_LEASE_MS: Type.Integer({
    minimum: 5_000,
    maximum: 10 * MINUTE_MS,
    default: 30_000,
    description: 'How long after the last sign of life of a scheduler another one takes over its runs'
  }),
  SCHEDULER_SPOOL_DIR: Type.String({
    minLength: 1,
    default: '/tmp/sluice-spool',
    description: 'Folder in which feeds are kept while they are read; it needs room for the largest ones'
  }),
  SCHEDULER_SPOOL_RESERVE_BYTES: Type.Integer({
    minimum: 0,
    maximum: 1024 * 1024 * MIB,
    default: 256 * MIB,
    description: 'A feed is refused when the disk of that folder would have less than this left'
  }),
  SCHEDULER_FETCH_MAX_BYTES: Type.Integer({
    minimum: 1024,
    maximum: 1024 * 1024 * MIB,
    default: 4096 * MIB,
    description: 'A feed larger than this is refused'
  }),
  SCHEDULER_FETCH_CONNECT_TIMEOUT_MS: Type.Integer({
    minimum: 100,
    maximum: 5 * MINUTE_MS,
    default: 10_000,
    description: 'Time to reach a vendor’s server'
  }),
  SCHEDULER_FETCH_STALL_TIMEOUT_MS: Type.Integer({
    minimum: 100,
    maximum: 30 * MINUTE_MS,
    default: 2 * MINUTE_MS,
    description: 'Longest silence of a vendor’s server, before its answer begins and between its bytes'
  }),
  SCHEDULER_FETCH_TIMEOUT_MS: Type.Integer({
    minimum: 100,
    maximum: 24 * 60 * MINUTE_MS,
    default: 60 * MINUTE_MS,
    description: 'Time for a whole download, all pages and attempts included'
  }),
  SCHEDULER_FETCH_ATTEMPTS: Type.Integer({
    minimum: 1,
    maximum: 10,
    default: 4,
    description: 'How often a download is tried when a server or the network is in trouble'
  }),
  SCHEDULER_FETCH_RETRY_MS: Type.Integer({
    minimum: 1,
    maximum: MINUTE_MS,
    default: 2_000,
    description: 'Wait before the second attempt, doubled with each further one; half of it is chance'
  }),
  SCHEDULER_UPLOAD_CHECK_MS: Type.Integer({
    minimum: 10,
    maximum: 10 * MINUTE_MS,
    default: 10_000,
    description: 'How long a file on an FTP or SFTP server must stand still to count as uploaded'
  }),
  SCHEDULER_NOTIFY_URL: Type.Optional(
    Type.String({
      pattern: '^https?://',
      description:
        'Where troubles with feeds, and their end, are posted to as JSON; without it only Sentry hears of them'
    })
  ),
  SCHEDULER_NOTIFY_SECRET: Type.Optional(
    Type.String({
      minLength: 24,
      description: 'Signs those posts by Standard Webhooks: base64, like whsec_…'
    })
  ),
  SCHEDULER_EGRESS_ALLOW: Type.String({
    default: '',
    isCidrs: true,
    description:
      'Private addresses feeds may be fetched from, like 10.1.0.0/16, fd00::/8; all others are refused, public ones never'
  }),
  SCHEDULER_MAX_RECORD_BYTES: Type.Integer({
    minimum: 1024,
    maximum: 12 * MIB,
    default: 4 * MIB,
    description: 'A record larger than this is reported and skipped; RabbitMQ 4 takes messages up to 16 MiB'
  }),
  SCHEDULER_CREDIT: Type.Integer({
    minimum: 100,
    maximum: 100_000,
    default: 5_000,
    description: 'Most records of one run that are published and not yet settled by a worker'
  }),
  SCHEDULER_SETTLE_TIMEOUT_MS: Type.Integer({
    minimum: 1_000,
    maximum: 24 * 60 * MINUTE_MS,
    default: 30 * MINUTE_MS,
    description: 'A run fails when no record of it is settled for this long'
  })
})
export type SchedulerConfig = Readonly<Static<typeof SchedulerConfigSchema>>

/** What of it says how a feed is fetched and read. */
export const FETCH_SETTINGS = [
  'SLUICE_SECRETS_KEY',
  'SLUICE_SECRETS_KEY_PREVIOUS',
  'SCHEDULER_SPOOL_RESERVE_BYTES',
  'SCHEDULER_FETCH_MAX_BYTES',
  'SCHEDULER_FETCH_CONNECT_TIMEOUT_MS',
  'SCHEDULER_FETCH_STALL_TIMEOUT_MS',
  'SCHEDULER_FETCH_TIMEOUT_MS',
  'SCHEDULER_FETCH_ATTEMPTS',
  'SCHEDULER_FETCH_RETRY_MS',
  'SCHEDULER_UPLOAD_CHECK_MS',
  'SCHEDULER_EGRESS_ALLOW',
  'SCHEDULER_MAX_RECORD_BYTES'
] as const
export type FetchConfig = Pick<SchedulerConfig, (typeof FETCH_SETTINGS)[number]>

export const loadSchedulerConfig = (
  environment?: Readonly<Record<string, string | undefined>>
): SchedulerConfig => loadConfig(SchedulerConfigSchema, environment)
