import { createHmac, randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { createDb, type Db } from '@sluice/prisma/client'
import { migrate } from '@sluice/prisma/migrate'
import { createSourceSecret } from '@sluice/prisma/tables/source-secrets'
import type { NewSource } from '@sluice/prisma/tables/sources'
import { applyTopology } from '@sluice/shared/broker'
import { createLogger } from '@sluice/shared/log'
import { createSealing, secretContext } from '@sluice/shared/sealing'
import { createTopology, type Topology } from '@sluice/shared/topology'
import { addSource } from '../support/gateway.ts'
import { createHouse, type GatewayOptions, type GatewayProcess, type House } from '../support/house.ts'
import { startPrivateServices } from '../support/private-services.ts'
import { waitFor } from '../support/process.ts'
import type { PrivateRabbit } from '../support/rabbit.ts'
import type { Running } from './_drill.ts'

/** A whole house on private services, whose webhooks are sent to. */
export interface GatewayHouse {
  house: House
  db: Db
  rabbit: PrivateRabbit
  topology: Topology
  /** What the secrets of its sources are sealed with. */
  masterKey: string
  /** Ready to accept. */
  startGateway: (options?: GatewayOptions) => Promise<GatewayProcess>
  /** A webhook of format `sluice` with an API key; headers to send with. */
  addKeySource: (source: Partial<NewSource> & { slug: string }) => Promise<Record<string, string>>
  /** A webhook of format `sluice` with Standard Webhooks; a function that signs. */
  addSignedSource: (source: Partial<NewSource> & { slug: string }) => Promise<SignedSource>
}

export interface SignedSource {
  sourceId: number
  sign: Sign
  /** Another secret of the same source, valid at once. */
  addSecret: (label: string) => Promise<Sign>
}

/** Headers that make a body a delivery of this id. */
export type Sign = (id: string, body: string) => Record<string, string>

export const createGatewayHouse = async (drill: Pick<Running, 'cleanup'>): Promise<GatewayHouse> => {
  const { rabbit, postgres, redis } = await startPrivateServices(drill.cleanup)
  const databaseUrl = postgres.url.replace(/\/postgres$/, '/house')
  await migrate({ url: databaseUrl })
  const topology = createTopology()
  await applyTopology({ url: rabbit.url, topology, log: createLogger({ service: 'drill', level: 'silent' }) })
  const db = createDb({ url: databaseUrl, poolSize: 2, applicationName: 'drill' })
  drill.cleanup(() => db.close())
  const masterKey = randomBytes(32).toString('base64')
  const house = await createHouse({
    databaseUrl,
    rabbitUrl: rabbit.url,
    redisUrl: redis.url,
    namespace: topology.namespace,
    env: { SLUICE_SECRETS_KEY: masterKey }
  })
  drill.cleanup(() => house.stop())

  const addSecret = async (sourceId: number, label: string): Promise<Sign> => {
    const secret = randomBytes(32)
    const sealing = createSealing({ SLUICE_SECRETS_KEY: masterKey })
    if (sealing === undefined) throw new Error('there is no master key')
    const sealed = sealing.seal(`whsec_${secret.toString('base64')}`, secretContext(sourceId))
    await createSourceSecret(db.sql, { sourceId, label, sealed })
    return createSign(secret)
  }
  return {
    house,
    db,
    rabbit,
    topology,
    masterKey,
    startGateway: async (options) => {
      const gateway = await house.startGateway(options)
      await waitFor('the gateway to be ready', async () => (await fetch(`${gateway.url}/readyz`)).ok)
      return gateway
    },
    addKeySource: async (source) => ({ 'x-api-key': (await addSource(db, source)).key }),
    addSignedSource: async (source) => {
      const { sourceId } = await addSource(db, { ...source, auth: { scheme: 'standard-webhooks' } })
      const sign = await addSecret(sourceId, 'first')
      return { sourceId, sign, addSecret: (label) => addSecret(sourceId, label) }
    }
  }
}

/** A sender's side of Standard Webhooks `v1`. */
export const createSign =
  (secret: Buffer): Sign =>
  (id, body) => {
    const timestamp = String(Math.floor(Date.now() / 1000))
    const signature = createHmac('sha256', secret).update(`${id}.${timestamp}.${body}`).digest('base64')
    return { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': `v1,${signature}` }
  }

/** A whole offer in the format `sluice`, as a body. */
export const offerBody = (id: string, amount = 185_000): string =>
  JSON.stringify({
    id,
    transaction: 'sale',
    property: { type: 'apartment' },
    price: { amount, currency: 'EUR' },
    location: { country: 'Spain', city: 'Nerja' }
  })

/** The ids of all offers that are applied. */
export const appliedIds = async ({ sql }: Db): Promise<Set<string>> => {
  const rows = await sql.$queryRaw<{ id: string }[]>`
    SELECT external_id AS id FROM offers WHERE state = 'active'`
  return new Set(rows.map(({ id }) => id))
}

/** Waits until all of `ids` are applied or nothing has moved for a while, and returns those that are missing. */
export const missingAtLast = async (db: Db, ids: ReadonlySet<string>): Promise<string[]> => {
  let missing = [...ids]
  let still = 0
  while (missing.length > 0 && still < STILL_SECONDS) {
    await new Promise((resolve) => setTimeout(resolve, 1_000))
    const applied = await appliedIds(db)
    const now = missing.filter((id) => !applied.has(id))
    still = now.length < missing.length ? 0 : still + 1
    missing = now
  }
  return missing
}

/** Longer than a worker holds on to what it cannot settle, and than a relay waits before it tries again. */
const STILL_SECONDS = 20

/** Resident memory of a process, in MB. */
export const residentMb = async (pid: number): Promise<number> => {
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) / 1024
}

export const SABOTAGE = {
  answerEarly: new URL('sabotage/answer-early.ts', import.meta.url).pathname,
  admitAnybody: new URL('sabotage/admit-anybody.ts', import.meta.url).pathname,
  sameBodyIsACopy: new URL('sabotage/same-body-is-a-copy.ts', import.meta.url).pathname,
  exitAtOnce: new URL('sabotage/exit-at-once.ts', import.meta.url).pathname
} as const
