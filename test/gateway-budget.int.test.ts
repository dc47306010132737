import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createDb, type Db } from '@sluice/prisma/client'
import { migrate } from '@sluice/prisma/migrate'
import type { NewKey } from '@sluice/shared/keys'
import { createTestBroker } from './support/broker.ts'
import { addSource, send, type Answer } from './support/gateway.ts'
import { createHouse, type GatewayProcess, type House } from './support/house.ts'
import { startPrivatePostgres, type PrivatePostgres } from './support/postgres.ts'
import { waitFor } from './support/process.ts'
import { noPrivateRabbit, startPrivateRabbit, type PrivateRabbit } from './support/rabbit.ts'
import { services } from './support/services.ts'

/**
 * 800 ms in every state: whatever the broker does, and whether Postgres answers, is frozen or is away. The gateway's own
 * figure is held to the budget, the sender's to the second after which some give up.
 */

const BUDGET_MS = 800
const PATIENCE_MS = 1_000

let rabbit: PrivateRabbit
let postgres: PrivatePostgres
let db: Db
let house: House
let gateway: GatewayProcess
const keys: Record<string, NewKey> = {}

beforeAll(async () => {
  if (noPrivateRabbit !== undefined) return
  ;[rabbit, postgres] = await Promise.all([startPrivateRabbit(), startPrivatePostgres()])
  const broker = await createTestBroker(rabbit.url)
  const databaseUrl = postgres.url.replace(/\/postgres$/, '/budget')
  await migrate({ url: databaseUrl })
  db = createDb({ url: databaseUrl, poolSize: 2, applicationName: 'test' })
  keys['outbox'] = await addSource(db, { slug: 'outbox' })
  keys['refuse'] = await addSource(db, { slug: 'refuse', onBrokerDown: 'refuse' })
  house = await createHouse({
    databaseUrl,
    rabbitUrl: rabbit.url,
    redisUrl: services.redisUrl,
    namespace: broker.namespace
  })
  gateway = await house.startGateway()
  await untilAccepted()
}, 120_000)

afterAll(async () => {
  if (noPrivateRabbit !== undefined) return
  await house.stop()
  await db.close()
  await Promise.all([rabbit.remove(), postgres.remove()])
})

const post = (source: string): Promise<Answer> =>
  send(`${gateway.url}/webhooks/${source}`, [{ id: 'a' }, { id: 'b' }], {
    'x-api-key': keys[source]?.key ?? ''
  })

/** By the broker, so that the next fault begins from health. */
const untilAccepted = (): Promise<unknown> =>
  waitFor('both sources to be accepted', async () => {
    const answers = await Promise.all([post('outbox'), post('refuse')])
    return answers.every(({ status }) => status === 202)
  })

/** How long the gateway itself took for this request, as its log says. */
const ownMs = (answer: Answer): Promise<number> =>
  waitFor('its log line', () => {
    const line = gateway.lines().find(({ requestId }) => requestId === answer.headers.get('x-request-id'))
    return line?.['durationMs'] as number | undefined
  })

const BROKER = {
  hangs: { begin: () => rabbit.freeze(), end: () => rabbit.thaw() },
  'is away': { begin: () => rabbit.kill(), end: () => rabbit.start() },
  'is blocked': { begin: () => rabbit.setMemoryAlarm(true), end: () => rabbit.setMemoryAlarm(false) }
}
const POSTGRES = {
  answers: { begin: async () => undefined, end: async () => undefined, outbox: 202 },
  'is frozen': { begin: () => postgres.freeze(), end: () => postgres.thaw(), outbox: 503 },
  'is away': { begin: () => postgres.stop('immediate'), end: () => postgres.start(), outbox: 503 }
}
const STATES = Object.entries(BROKER).flatMap(([broker, rabbitFault]) =>
  Object.entries(POSTGRES).map(([store, { outbox, ...storeFault }]) => ({
    broker,
    store,
    outbox,
    rabbitFault,
    storeFault
  }))
)

describe.skipIf(noPrivateRabbit).each(STATES)(
  'while the broker $broker and Postgres $store',
  ({ outbox, rabbitFault, storeFault }) => {
    it(`a source with an outbox is answered ${outbox} and one without 503, each within the budget`, async () => {
      await storeFault.begin()
      await rabbitFault.begin()
      const answers: { source: string; answer: Answer }[] = []
      try {
        // The first has to find out, those after it meet what the gateway knows by then.
        for (let round = 0; round < 4; round++) {
          const sources = ['outbox', 'refuse', 'outbox', 'refuse', 'outbox']
          const some = sources.map(async (source) => ({ source, answer: await post(source) }))
          answers.push(...(await Promise.all(some)))
        }
      } finally {
        await rabbitFault.end()
        await storeFault.end()
      }
      for (const { source, answer } of answers) {
        expect(answer.status).toBe(source === 'outbox' ? outbox : 503)
        expect(answer.tookMs).toBeLessThan(PATIENCE_MS)
        expect(await ownMs(answer)).toBeLessThanOrEqual(BUDGET_MS)
        if (answer.status === 202) continue
        expect(answer.body['code']).toBe('NOT_ACCEPTED')
        expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0)
      }
      await untilAccepted()
    }, 60_000)
  }
)
