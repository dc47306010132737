import { Type } from 'typebox'
import { CommonConfig, ShutdownConfig } from '@sluice/shared/config'
import { SealingConfig } from '@sluice/shared/sealing'

export const GatewayConfigSchema = Type.Object({
  ...CommonConfig,
  ...ShutdownConfig,
  ...SealingConfig,
  GATEWAY_HOST: Type.String({
    default: '0.0.0.0',
    minLength: 1,
    description: 'Address the gateway listens on'
  }),
  GATEWAY_PORT: Type.Integer({
    minimum: 0,
    maximum: 65_535,
    default: 8080,
    description: 'Port the gateway listens on; 0 takes a free one'
  }),
  GATEWAY_PROXY_HOPS: Type.Integer({
    minimum: 0,
    maximum: 10,
    default: 0,
    description:
      'How many proxies stand in front of the gateway; that many entries of X-Forwarded-For are believed, counted from the right'
  }),
  GATEWAY_METRICS_HOST: Type.String({
    default: '127.0.0.1',
    minLength: 1,
    description: 'Address of `/metrics`; keep it internal'
  }),
  GATEWAY_METRICS_PORT: Type.Optional(
    Type.Integer({
      minimum: 0,
      maximum: 65_535,
      description: 'Port of `/metrics`; 0 takes a free one, and without it there are no metrics'
    })
  ),
  GATEWAY_MAX_CONNECTIONS: Type.Integer({
    minimum: 10,
    maximum: 100_000,
    default: 5_000,
    description: 'Connections the gateway takes; further ones are hung up on'
  }),
  GATEWAY_MAX_BODIES_MIB: Type.Integer({
    minimum: 2,
    maximum: 4_096,
    default: 64,
    description:
      'What the bodies of all requests together may take, in MiB; beyond it the one that arrives slowest is answered 503'
  }),
  GATEWAY_DB_POOL: Type.Integer({
    minimum: 4,
    maximum: 50,
    default: 6,
    description:
      'Connections to Postgres: for sources and keys (one), deliveries that are asked for (two), the outbox (two) and its relay, which keeps one for seconds while RabbitMQ is slow; with fewer than four, one of these waits for another'
  })
})
