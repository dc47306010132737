import { randomBytes } from 'node:crypto'
import { createRedis } from '@sluice/shared/cache'
import type { Envelope } from '@sluice/shared/envelope'
import { findFormat } from '@sluice/shared/formats'
import { keyDigest } from '@sluice/shared/keys'
import { createLogger } from '@sluice/shared/log'
import { createSealing, secretContext } from '@sluice/shared/sealing'
import { buildApp } from '../../gateway/src/app.ts'
import { createAuthenticate, type Authenticate } from '../../gateway/src/auth/index.ts'
import { createMetrics } from '../../gateway/src/metrics/metrics.ts'
import { createQuickRedis } from '../../gateway/src/quick-redis.ts'
import type { Source } from '../../gateway/src/source-store.ts'
import { createThrottle } from '../../gateway/src/throttle/throttle.ts'
import { createSenders, type Sender } from './fuzz-senders.ts'

/** The real app of the gateway in this process: only where sources come from and where records go is ours. */
export interface FuzzDoor {
  senders: readonly { sender: Sender; path: string }[]
  send: (request: FuzzRequest) => Promise<FuzzAnswer>
  close: () => Promise<void>
}

export interface FuzzRequest {
  method?: 'POST' | 'GET' | 'PUT' | 'PATCH' | 'DELETE' | 'OPTIONS'
  path: string
  headers: Record<string, string | string[]>
  body: Buffer
}

export interface FuzzAnswer {
  status: number
  text: string
  /** What was handed on to be published. */
  envelopes: readonly Envelope[]
}

export const createFuzzDoor = async (
  wrap: (authenticate: Authenticate) => Authenticate = asItIs
): Promise<FuzzDoor> => {
  const log = createLogger({ service: 'fuzz', level: 'silent' })
  const sealing = createSealing({ SLUICE_SECRETS_KEY: randomBytes(32).toString('base64') })
  if (sealing === undefined) throw new Error('there is no master key')
  const senders = createSenders()
  const sources = new Map(
    senders.map(({ auth, secret }, index): [string, Source] => {
      const id = index + 1
      const isKey = auth.scheme === 'api-key'
      const sealed = sealing.seal(secret, secretContext(id)).toString('base64')
      return [
        `source-${id}`,
        {
          id,
          slug: `source-${id}`,
          vendor: 'fuzz',
          kind: 'webhook',
          format: 'sluice',
          timeZone: 'UTC',
          revision: 1,
          isPaused: false,
          onBrokerDown: 'refuse',
          onPaused: 'refuse',
          auth,
          keys: isKey ? [{ id, digest: keyDigest(secret) }] : [],
          secrets: isKey ? [] : [{ id, sealed }]
        }
      ]
    })
  )
  const metrics = createMetrics()
  // Never connected: no source here has a quota, and what cannot be asked counts as new.
  const redis = createQuickRedis({
    client: createRedis({ url: 'redis://127.0.0.1:1', log }),
    failedOpen: metrics.failedOpen
  })
  let accepted: readonly Envelope[] = []
  const app = await buildApp({
    log,
    reporter: { captureError: ignore },
    proxyHops: 0,
    door: {
      sources: { find: async (slug) => sources.get(slug) },
      throttle: createThrottle({ burst: Number.MAX_SAFE_INTEGER }), // every forgery is looked at
      authenticate: wrap(createAuthenticate({ sealing })),
      keyUsage: { note: ignore },
      secretUsage: { note: ignore }
    },
    rateLimit: { redis, namespace: 'fuzz' },
    metrics,
    refusals: { note: (_slug, _code, _isKnown, sample) => void sample() },
    webhooks: {
      duplicates: { find: async () => undefined, remember: ignore },
      findFormat,
      accept: async (envelopes) => {
        accepted = envelopes
        return { confirmed: envelopes.length, outboxed: 0 }
      }
    },
    deliveries: { findDelivery: async () => undefined },
    health: {
      broker: () => 'ready',
      postgres: () => true,
      redis: () => true,
      isUsable: () => true,
      isStopping: () => false
    }
  })
  await app.ready()

  return {
    senders: senders.map((sender, index) => ({
      sender,
      path: `/webhooks/source-${index + 1}${sender.query ?? ''}`
    })),
    send: async ({ method = 'POST', path, headers, body }) => {
      accepted = []
      const answer = await app.inject({ method, url: path, headers, payload: body })
      return { status: answer.statusCode, text: answer.payload, envelopes: accepted }
    },
    close: async () => {
      await app.close()
      redis.client.disconnect()
    }
  }
}

const asItIs = (authenticate: Authenticate): Authenticate => authenticate
const ignore = (): void => undefined
