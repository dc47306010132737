import { once } from 'node:events'
import { createServer, type AddressInfo, type Server } from 'node:net'
import { connect, type Channel } from 'amqplib'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { NewKey } from '@sluice/shared/keys'
import { createTestBroker, type TestBroker } from './support/broker.ts'
import { createDatabase, type TestDatabase } from './support/database.ts'
import { addSource, send, type Answer } from './support/gateway.ts'
import { createHouse, type GatewayProcess, type House, type HouseOptions } from './support/house.ts'
import { freePort, ROOT, run, waitFor } from './support/process.ts'
import { noPrivateRabbit, startPrivateRabbit, type PrivateRabbit } from './support/rabbit.ts'
import { services } from './support/services.ts'

/**
 * What a gateway answers when something behind it is away: clearly, in time, and never a false 202. For sources that
 * refuse while the broker is away; those with an outbox are in `gateway-outbox.int.test.ts`.
 */

let broker: TestBroker
let database: TestDatabase
let crm: NewKey
const houses: House[] = []

beforeAll(async () => {
  ;[broker, database] = await Promise.all([createTestBroker(), createDatabase()])
  crm = await addSource(database.db, { slug: 'crm', onBrokerDown: 'refuse' })
})

afterEach(async () => {
  for (const house of houses.splice(0)) await house.stop()
  await broker.purge(broker.topology.queues.webhook)
})

afterAll(async () => {
  await broker.remove()
  await database.drop()
})

const startGateway = async (options: Partial<HouseOptions> = {}): Promise<GatewayProcess> => {
  const house = await createHouse({
    databaseUrl: database.url,
    rabbitUrl: broker.url,
    redisUrl: services.redisUrl,
    namespace: broker.namespace,
    ...options
  })
  houses.push(house)
  return house.startGateway()
}

const post = (gateway: GatewayProcess, body: unknown = { id: 'a' }): Promise<Answer> =>
  send(`${gateway.url}/webhooks/crm`, body, { 'x-api-key': crm.key })

const ready = async (gateway: GatewayProcess, status = 'ready'): Promise<void> =>
  void (await waitFor(`the gateway to be ${status}`, async () => {
    const readiness = (await (await fetch(`${gateway.url}/readyz`)).json()) as { status: string }
    return readiness.status === status
  }))

/** Why the first `count` failed deliveries failed, as the log says; a line may come after its answer. */
const causes = (gateway: GatewayProcess, count: number): Promise<unknown[]> =>
  waitFor(`${count} failed deliveries in the log`, () => {
    const failed = gateway.lines().filter(({ msg }) => msg === 'hook failed')
    return failed.length >= count ? failed.map(({ cause }) => cause) : undefined
  })

/** 503 as promised: a problem, when to come back, in time. */
const expectNotAccepted = ({ status, headers, body, tookMs }: Answer): void => {
  expect({ status, code: body.code }).toEqual({ status: 503, code: 'NOT_ACCEPTED' })
  expect(Number(headers.get('retry-after'))).toBeGreaterThan(0)
  expect(JSON.stringify(body)).not.toMatch(/amqp|ECONN|127\.0\.0\.1|guest/i)
  expect(tookMs).toBeLessThan(1_000)
}

describe('without a broker', () => {
  it('a delivery is 503 at once, and the gateway is degraded for whom asks: others have an outbox', async () => {
    const gateway = await startGateway({ rabbitUrl: `amqp://guest:guest@127.0.0.1:${await freePort()}` })
    await post(gateway) // the first request of a process pays for warming up
    for (let n = 0; n < 5; n++) expectNotAccepted(await post(gateway))
    expect(new Set((await causes(gateway, 6)).slice(1))).toEqual(new Set(['BROKER_DOWN']))
    const readyz = await fetch(`${gateway.url}/readyz`)
    expect([readyz.status, await readyz.json()]).toMatchObject([
      200,
      { status: 'degraded', parts: { broker: 'down' } }
    ])
    expect((await fetch(`${gateway.url}/livez`)).status).toBe(200)
  })
})

describe('when the broker does not take a message', () => {
  let channel: Channel
  let close: () => Promise<void>

  beforeAll(async () => {
    const connection = await connect(broker.url)
    channel = await connection.createChannel()
    close = () => connection.close()
  })
  afterAll(() => close())

  it('an unbound queue is 503, not 202, and 202 again once it is bound', async () => {
    const { exchanges, queues } = broker.topology
    const gateway = await startGateway()
    await ready(gateway)
    expect(await post(gateway)).toMatchObject({ status: 202 })
    await channel.unbindQueue(queues.webhook, exchanges.records, 'webhook.#')
    try {
      for (let n = 0; n < 3; n++) expectNotAccepted(await post(gateway))
      expect(await causes(gateway, 3)).toEqual(['PUBLISH_RETURNED', 'PUBLISH_RETURNED', 'PUBLISH_RETURNED'])
    } finally {
      await channel.bindQueue(queues.webhook, exchanges.records, 'webhook.#')
    }
    expect(await post(gateway)).toMatchObject({ status: 202 })
    expect(await broker.take(queues.webhook)).toHaveLength(2)
  })

  it('a partly confirmed array is 503, and sending it again is accepted', async () => {
    const { exchanges, queues } = broker.topology
    const full = await broker.addQueue('full', {
      'x-queue-type': 'classic',
      'x-max-length': 1,
      'x-overflow': 'reject-publish'
    })
    const gateway = await startGateway()
    await ready(gateway)
    const records = [{ id: 'a' }, { id: 'b' }, { id: 'c' }]
    await channel.bindQueue(full, exchanges.records, 'webhook.#')
    try {
      expectNotAccepted(await post(gateway, records))
      expect(await causes(gateway, 1)).toEqual(['PUBLISH_NACKED'])
      expect(await broker.count(full)).toBe(1) // so one was confirmed, and the others refused
    } finally {
      await channel.unbindQueue(full, exchanges.records, 'webhook.#')
    }
    expect(await post(gateway, records)).toMatchObject({ status: 202, body: { records: 3 } })
    const ids = (await broker.take(queues.webhook)).map(
      ({ properties }) => properties.headers?.['external-id'] as unknown
    )
    expect(new Set(ids)).toEqual(new Set(['a', 'b', 'c']))
  })

  it('a topology nobody applied is 503', async () => {
    const gateway = await startGateway({ namespace: `${broker.namespace}-none` })
    expectNotAccepted(await post(gateway))
  })
})

describe.skipIf(noPrivateRabbit)('with a broker of its own', () => {
  let rabbit: PrivateRabbit
  let own: TestBroker

  beforeAll(async () => {
    rabbit = await startPrivateRabbit()
    own = await createTestBroker(rabbit.url)
  }, 120_000)
  afterAll(() => rabbit.remove())

  it('one that hangs is 503 within the second, then at once, and 202 soon after it goes on', async () => {
    const gateway = await startGateway({ rabbitUrl: own.url, namespace: own.namespace })
    await ready(gateway)
    expect(await post(gateway)).toMatchObject({ status: 202 })
    await rabbit.freeze()
    try {
      expectNotAccepted(await post(gateway))
      const next = await Promise.all(Array.from({ length: 20 }, () => post(gateway)))
      next.forEach(expectNotAccepted)
      const why = await causes(gateway, 21)
      expect(why).toContain('PUBLISH_UNKNOWN')
      expect(why.filter((cause) => cause === 'BROKER_DOWN').length).toBeGreaterThanOrEqual(19) // nobody waited
    } finally {
      await rabbit.thaw()
    }
    await waitFor('a delivery to be accepted again', async () => (await post(gateway)).status === 202, {
      timeoutMs: 20_000,
      everyMs: 200
    })
  })

  it('one that is killed and comes back is served again without a restart, and nothing acknowledged is lost', async () => {
    const gateway = await startGateway({ rabbitUrl: own.url, namespace: own.namespace })
    await ready(gateway)
    await own.purge(own.topology.queues.webhook)
    const acknowledged: string[] = []
    const refused: Answer[] = []
    const end = new AbortController()
    const sender = async (name: string): Promise<void> => {
      for (let n = 0; !end.signal.aborted; n++) {
        const answer = await post(gateway, { id: `${name}-${n}` })
        if (answer.status === 202) acknowledged.push(String(answer.body.id))
        else refused.push(answer)
      }
    }
    const senders = Promise.all(['a', 'b', 'c', 'd'].map(sender))
    await waitFor('some deliveries', () => acknowledged.length > 200)
    await rabbit.kill()
    await waitFor('some refusals', () => refused.length > 20)
    await rabbit.start()
    const before = acknowledged.length
    await waitFor('deliveries again', () => acknowledged.length > before + 50, { timeoutMs: 40_000 })
    end.abort()
    await senders

    refused.forEach(expectNotAccepted)
    const stored = new Set(
      (await own.take(own.topology.queues.webhook, 1_000_000)).map(
        ({ properties }) => properties.messageId as unknown
      )
    )
    expect(acknowledged.filter((id) => !stored.has(`${id}.0`))).toEqual([])
  })
})

describe('without Redis', () => {
  it('everything works, only slower', async () => {
    const gateway = await startGateway({ redisUrl: `redis://127.0.0.1:${await freePort()}` })
    await ready(gateway, 'degraded')
    for (let n = 0; n < 5; n++) expect(await post(gateway)).toMatchObject({ status: 202 })
    expect(await broker.take(broker.topology.queues.webhook)).toHaveLength(5)
    expect(await send(`${gateway.url}/webhooks/crm`, {}, { 'x-api-key': 'no' })).toMatchObject({
      status: 401
    })
  })

  it('one that takes connections and never answers costs 50 ms a lookup, not the delivery', async () => {
    const silent = await startSilentServer()
    try {
      const gateway = await startGateway({ redisUrl: `redis://127.0.0.1:${silent.port}` })
      await waitFor('a delivery', async () => (await post(gateway)).status === 202)
      expect(await post(gateway)).toMatchObject({ status: 202 })
    } finally {
      silent.close()
    }
  })
})

describe('without Postgres', () => {
  it('a source nobody has a copy of is 503 with Retry-After, in time', async () => {
    const silent = await startSilentServer()
    try {
      const gateway = await startGateway({
        databaseUrl: `postgresql://postgres@127.0.0.1:${silent.port}/none`,
        redisUrl: `redis://127.0.0.1:${await freePort()}`
      })
      for (let n = 0; n < 3; n++) {
        const { status, headers, body, tookMs } = await post(gateway)
        expect({ status, code: body.code }).toEqual({ status: 503, code: 'SOURCES_UNAVAILABLE' })
        expect(headers.get('retry-after')).toBe('5')
        expect(tookMs).toBeLessThan(1_000)
      }
    } finally {
      silent.close()
    }
  })

  it('a gateway that starts in the outage answers from the copies another left in Redis', async () => {
    const before = await startGateway()
    await ready(before)
    expect(await post(before)).toMatchObject({ status: 202 })
    const after = await startGateway({
      databaseUrl: `postgresql://postgres@127.0.0.1:${await freePort()}/none`
    })
    await ready(after, 'down') // its own memory is empty
    // A Redis that takes longer than 50 ms counts as away: on a busy machine the sender tries again.
    await waitFor('an answer from the copy in Redis', async () => (await post(after)).status === 202)
    await ready(after, 'degraded')
    expect(await send(`${after.url}/webhooks/crm`, {}, { 'x-api-key': 'no' })).toMatchObject({ status: 401 })
  })
})

describe('stopping and starting', () => {
  it('SIGTERM under load loses no accepted delivery, answers every one it took, and ends with 0', async () => {
    const gateway = await startGateway()
    await ready(gateway)
    const acknowledged: string[] = []
    const others: unknown[] = []
    const sender = async (name: string): Promise<void> => {
      for (let n = 0; others.length < 50; n++) {
        try {
          const answer = await post(gateway, [{ id: `${name}-${n}-0` }, { id: `${name}-${n}-1` }])
          if (answer.status === 202) acknowledged.push(String(answer.body.id))
          else others.push(answer.status)
        } catch (thrown) {
          others.push((thrown as { cause?: { code?: string } }).cause?.code)
          if (others.length > 20) return
        }
      }
    }
    const senders = Promise.all(Array.from({ length: 20 }, (_, n) => sender(`s${n}`)))
    await waitFor('deliveries under way', () => acknowledged.length > 300)
    const before = acknowledged.length
    gateway.signal('SIGTERM')
    expect(await gateway.exit).toEqual({ code: 0, signal: null })
    await senders

    expect(acknowledged.length).toBeGreaterThan(before) // some were in hand when the signal came
    expect(new Set(others)).toEqual(new Set(['ECONNREFUSED'])) // a closed door: never a 5xx, never a reset
    const stored = new Set(
      (await broker.take(broker.topology.queues.webhook, 1_000_000)).map(
        ({ properties }) => properties.messageId as unknown
      )
    )
    const expected = acknowledged.flatMap((id) => [`${id}.0`, `${id}.1`])
    expect(expected.filter((messageId) => !stored.has(messageId))).toEqual([]) // nothing accepted is lost
    expect(stored.size).toBe(expected.length) // and who was stored was told so
  })

  it('every wrong setting is named at once, and it ends with 78', async () => {
    const gateway = run(process.execPath, ['gateway/src/main.ts'], {
      cwd: ROOT,
      env: {
        DATABASE_URL: 'mysql://x',
        RABBITMQ_URL: '',
        REDIS_URL: services.redisUrl,
        GATEWAY_PORT: 'eighty',
        GATEWAY_PROXY_HOPS: '-1'
      }
    })
    expect(await gateway.exit).toEqual({ code: 78, signal: null })
    for (const name of ['DATABASE_URL', 'RABBITMQ_URL', 'GATEWAY_PORT', 'GATEWAY_PROXY_HOPS']) {
      expect(gateway.output()).toContain(name)
    }
  })
})

/** Takes connections and says nothing: a service that hangs. */
const startSilentServer = async (): Promise<{ port: number; close: () => void }> => {
  const sockets = new Set<{ destroy: () => void }>()
  const server: Server = createServer((socket) => {
    socket.on('error', () => undefined)
    sockets.add(socket)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    close: () => {
      server.close()
      for (const socket of sockets) socket.destroy()
    }
  }
}
