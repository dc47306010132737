import { connect } from 'amqplib'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { outboxUsage } from '@sluice/prisma/tables/outbox'
import { pauseSource, resumeSource } from '@sluice/prisma/tables/sources'
import type { NewKey } from '@sluice/shared/keys'
import { createTestBroker, type TestBroker } from './support/broker.ts'
import { createDatabase, type TestDatabase } from './support/database.ts'
import { addSource, send, type Answer } from './support/gateway.ts'
import { createHouse, type GatewayProcess, type House } from './support/house.ts'
import { waitFor, type Running } from './support/process.ts'
import { noPrivateRabbit, startPrivateRabbit, type PrivateRabbit } from './support/rabbit.ts'
import { services } from './support/services.ts'
import { createSilenceable, type Silenceable } from './support/silenceable.ts'

/**
 * A source with an outbox is accepted whatever the broker does, in time; one that is set to `refuse` is told so, in
 * time; and everything that was ever answered with 202 arrives.
 */

let rabbit: PrivateRabbit
let broker: TestBroker
let database: TestDatabase
let postgres: Silenceable
let house: House
let gateway: GatewayProcess
const workers: Running[] = []
const keys: Record<string, NewKey & { sourceId: number }> = {}
/** Of every record that was answered with 202. */
const acknowledged = new Set<string>()
/** Of every message that was taken out of the queue. */
const arrived = new Set<string>()

beforeAll(async () => {
  if (noPrivateRabbit !== undefined) return
  ;[rabbit, database] = await Promise.all([startPrivateRabbit(), createDatabase()])
  broker = await createTestBroker(rabbit.url)
  postgres = await createSilenceable(database.url)
  keys['crm'] = await addSource(database.db, { slug: 'crm' })
  keys['strict'] = await addSource(database.db, { slug: 'strict', onBrokerDown: 'refuse' })
  keys['held'] = await addSource(database.db, { slug: 'held', onPaused: 'accept' })
  house = await createHouse({
    databaseUrl: postgres.url,
    rabbitUrl: rabbit.url,
    redisUrl: services.redisUrl,
    namespace: broker.namespace
  })
  gateway = await house.startGateway()
  await ready('ready')
  for (const source of Object.keys(keys)) await post(source) // the first request of a process pays for warming up
}, 120_000)

afterEach(async () => {
  if (noPrivateRabbit !== undefined) return
  postgres.restore()
  for (const worker of workers.splice(0)) await worker.stop()
})

afterAll(async () => {
  if (noPrivateRabbit !== undefined) return
  await house.stop()
  await postgres.close()
  await rabbit.remove()
  await database.drop()
})

const record = (id: string, price = 100_000) => ({
  id,
  transaction: 'sale',
  property: { type: 'apartment' },
  price: { amount: price, currency: 'EUR' },
  location: { country: 'Spain', city: 'Nerja' }
})

let sent = 0
const post = async (source: string, count = 1): Promise<Answer> => {
  const records = Array.from({ length: count }, () => record(`${source}-${sent++}`))
  const answer = await send(`${gateway.url}/webhooks/${source}`, records, {
    'x-api-key': keys[source]?.key ?? ''
  })
  if (answer.status === 202) {
    for (let index = 0; index < count; index++) acknowledged.add(`${String(answer.body.id)}.${index}`)
  }
  return answer
}

const ask = (source: string, id: unknown, as = source): Promise<Answer> =>
  send(`${gateway.url}/webhooks/${source}/deliveries/${String(id)}`, undefined, {
    method: 'GET',
    'x-api-key': keys[as]?.key ?? ''
  })

const ready = async (status: string): Promise<void> =>
  void (await waitFor(`the gateway to be ${status}`, async () => {
    const readiness = (await (await fetch(`${gateway.url}/readyz`)).json()) as { status: string }
    return readiness.status === status
  }))

const outboxed = async (): Promise<number> =>
  (await outboxUsage(database.db.sql)).reduce((sum, { rows }) => sum + rows, 0)

const untilRelayed = async (): Promise<void> =>
  void (await waitFor('the outbox to be empty', async () => (await outboxed()) === 0, {
    timeoutMs: 40_000,
    standing
  }))

/** What an outbox that stays full can have to do with: its rows and counters, the gateway, who holds a lock, the broker. */
const standing = async (): Promise<unknown> => {
  const { sql } = database.db
  return {
    rows: await sql.$queryRaw`SELECT source_id, count(*)::int, min(id)::text AS oldest FROM outbox GROUP BY source_id`,
    usage: await sql.$queryRaw`SELECT source_id, rows, bytes::text FROM outbox_usage`,
    paused: await sql.$queryRaw`SELECT slug FROM sources WHERE paused_at IS NOT NULL`,
    sessions: await sql.$queryRaw`
      SELECT application_name AS who, state, wait_event AS waits, pg_blocking_pids(pid)::text AS behind,
             extract(epoch FROM now() - xact_start)::float8 AS seconds, left(query, 100) AS query
      FROM pg_stat_activity WHERE datname = current_database() AND xact_start IS NOT NULL`,
    readyz: await (await fetch(`${gateway.url}/readyz`)).json(),
    gateway: gateway
      .lines()
      .filter(({ msg }) => msg !== 'hook accepted')
      .slice(-12),
    queues: await rabbit.control('list_queues', 'name', 'messages', 'consumers', 'policy', 'state'),
    connections: await rabbit.control('list_connections', 'client_properties', 'state', 'channels'),
    channels: await rabbit.control('list_channels', 'connection', 'confirm', 'messages_unconfirmed', 'state')
  }
}

/** 503 as promised: a problem, when to come back, in time. */
const expectRefused = ({ status, headers, body }: Answer, code = 'NOT_ACCEPTED'): void => {
  expect({ status, code: body.code }).toEqual({ status: 503, code })
  expect(Number(headers.get('retry-after'))).toBeGreaterThan(0)
  expect(JSON.stringify(body)).not.toMatch(/amqp|postgres|ECONN|127\.0\.0\.1|guest/i)
}

interface State {
  name: string
  begin: () => Promise<unknown>
  end: () => Promise<unknown>
}

/** Takes out what is in the queue; how many acknowledged records have never been in it. */
const collect = async (): Promise<number> => {
  for (const { properties } of await broker.take(broker.topology.queues.webhook, 100_000)) {
    arrived.add(String(properties.messageId))
  }
  return missingFrom(arrived)
}

const missingFrom = (there: ReadonlySet<string>): number =>
  [...acknowledged].filter((id) => !there.has(id)).length

const more = (count: number) => {
  const from = acknowledged.size
  return waitFor(`${count} more records`, () => acknowledged.size > from + count, { timeoutMs: 30_000 })
}

/** How many acknowledged records no worker has settled for good. */
const notApplied = async (): Promise<number> => {
  const rows = await database.db.sql.$queryRaw<{ id: string }[]>`
    SELECT message_id AS id FROM deliveries WHERE outcome <> 'retried'`
  return missingFrom(new Set(rows.map(({ id }) => id)))
}

const startOver = async (): Promise<void> => {
  await broker.purge(broker.topology.queues.webhook)
  acknowledged.clear()
  arrived.clear()
}

const onChannel = async (
  work: (channel: Awaited<ReturnType<typeof openChannel>>['channel']) => Promise<unknown>
) => {
  const { channel, close } = await openChannel()
  await work(channel)
  await close()
}
const openChannel = async () => {
  const connection = await connect(rabbit.url)
  return { channel: await connection.createChannel(), close: () => connection.close() }
}

const bindings = (verb: 'bindQueue' | 'unbindQueue') => (): Promise<void> =>
  onChannel((channel) =>
    channel[verb](broker.topology.queues.webhook, broker.topology.exchanges.records, 'webhook.#')
  )

const STATES: readonly State[] = [
  {
    name: 'it has raised a memory alarm',
    begin: () => rabbit.setMemoryAlarm(true),
    end: () => rabbit.setMemoryAlarm(false)
  },
  {
    name: 'its queue is full',
    begin: async () => {
      await rabbit.control('set_policy', 'full', 'webhook', '{"max-length": 1}', '--apply-to', 'queues')
      await waitFor('the queue to refuse', async () => (await post('strict')).status === 503, { everyMs: 20 })
    },
    // A queue that is full takes messages again when it has given some away.
    end: async () => {
      await rabbit.control('set_policy', 'full', 'webhook', '{"max-length": 1000000}', '--apply-to', 'queues')
      await collect()
    }
  },
  { name: 'nothing is bound', begin: bindings('unbindQueue'), end: bindings('bindQueue') },
  { name: 'it hangs', begin: () => rabbit.freeze(), end: () => rabbit.thaw() },
  { name: 'it was killed', begin: () => rabbit.kill(), end: () => rabbit.start() }
]

const BUDGET_MS = 800
/** Of an HTTP client in the same two cores, beside the gateway's own time. */
const CLIENT_MS = 200

describe.skipIf(noPrivateRabbit).each(STATES)('while $name', ({ begin, end }) => {
  it('an outbox accepts, a source without one is refused, each in time, and all of it arrives', async () => {
    const tookMs: number[] = []
    await begin()
    const before = acknowledged.size
    try {
      for (let round = 0; round < 4; round++) {
        const answers = await Promise.all(
          Array.from({ length: 6 }, async (_, n) => {
            const source = n % 2 === 0 ? 'crm' : 'strict'
            return { source, answer: await post(source, n + 1) }
          })
        )
        for (const { source, answer } of answers) {
          tookMs.push(answer.tookMs)
          if (source === 'crm') expect(answer.status).toBe(202)
          else expectRefused(answer)
        }
      }
      expect(acknowledged.size - before).toBe(4 * (1 + 3 + 5))
      expect(await outboxed()).toBe(acknowledged.size - before) // so the fault bit
      expect(Math.max(...tookMs)).toBeLessThan(BUDGET_MS + CLIENT_MS)
      const held = await waitFor('its log line', () =>
        gateway.lines().find((line) => line['source'] === 'crm' && line['outboxed'] === 5)
      )
      expect(held).toMatchObject({ status: 202, outboxed: 5, records: 5 })
    } finally {
      await end()
    }
    await untilRelayed()
    const restoredAt = Date.now()
    await waitFor(
      'a source without outbox to be accepted again',
      async () => (await post('strict')).status === 202
    )
    expect(Date.now() - restoredAt).toBeLessThan(20_000)
    await waitFor('everything to arrive', async () => (await collect()) === 0)
    await startOver()
  }, 120_000)
})

describe.skipIf(noPrivateRabbit)('when Postgres is away as well', () => {
  it.each(['silence', 'cut'] as const)(
    '%s: 503 with Retry-After within the budget, and none is lost',
    async (how) => {
      await rabbit.freeze()
      try {
        postgres[how]()
        const answers = await Promise.all(Array.from({ length: 20 }, () => post('crm', 3)))
        for (const answer of answers) expectRefused(answer)
        const slowest = Math.max(...answers.map(({ tookMs }) => tookMs))
        expect(slowest).toBeLessThan(BUDGET_MS + CLIENT_MS)
      } finally {
        postgres.restore()
        await rabbit.thaw()
      }
      await waitFor('a delivery to be accepted', async () => (await post('crm')).status === 202)
      await untilRelayed()
    }
  )
})

describe.skipIf(noPrivateRabbit)('an array of which the broker takes a part', () => {
  it('is one 202; acknowledged minus applied is nothing, under load and while the broker hangs and dies', async () => {
    await startOver()
    const { exchanges } = broker.topology
    const small = await broker.addQueue('small', {
      'x-queue-type': 'classic',
      'x-max-length': 100,
      'x-overflow': 'reject-publish'
    })
    workers.push(await house.startWorker())
    const refused: Answer[] = []
    const ended = new AbortController()
    const sender = async (): Promise<void> => {
      while (!ended.signal.aborted) {
        const answer = await post('crm', 7)
        if (answer.status !== 202) refused.push(answer)
      }
    }
    const senders = Promise.all(Array.from({ length: 4 }, sender))
    try {
      await more(100)
      await onChannel((channel) => channel.bindQueue(small, exchanges.records, 'webhook.#'))
      await more(500) // of some arrays the first records are confirmed and the others refused
      await onChannel((channel) => channel.unbindQueue(small, exchanges.records, 'webhook.#'))
      await more(100)
      await rabbit.freeze()
      await more(300)
      await rabbit.thaw()
      await more(300)
      await rabbit.kill()
      await more(300)
      await rabbit.start()
      await more(300)
    } finally {
      ended.abort()
      await senders
    }
    await untilRelayed()
    const partly = gateway
      .lines()
      .filter(({ outboxed: some }) => typeof some === 'number' && some > 0 && some < 7)
    expect(partly.length).toBeGreaterThan(0) // so it happened
    for (const answer of refused) expectRefused(answer) // a machine too busy for the budget, never another reason

    await waitFor('everything to be applied', async () => (await notApplied()) === 0, { timeoutMs: 40_000 })
  }, 180_000)
})

describe.skipIf(noPrivateRabbit)('an outbox that is full', () => {
  it('is 503 with Retry-After for its source, not for others, and takes records again when there is room', async () => {
    const { sql } = database.db
    const crm = keys['crm']?.sourceId ?? 0
    // Beside what may be there: a counter that was simply set would strand it.
    const use = (rows: number, bytes: number) => sql.$executeRaw`
      INSERT INTO outbox_usage AS u (source_id, rows, bytes) VALUES (${crm}, ${rows}, ${bytes})
      ON CONFLICT (source_id) DO UPDATE SET rows = u.rows + EXCLUDED.rows, bytes = u.bytes + EXCLUDED.bytes`
    await rabbit.freeze()
    try {
      for (const [rows, bytes] of [
        [100_000, 1],
        [1, 256 * 1024 * 1024]
      ] as const) {
        await use(rows, bytes)
        const answer = await post('crm')
        expectRefused(answer, 'OUTBOX_FULL')
        expect(answer.headers.get('retry-after')).toBe('60')
        expect(await post('held')).toMatchObject({ status: 202 })
        await use(-rows, -bytes)
      }
      expect(await post('crm')).toMatchObject({ status: 202 })
    } finally {
      await rabbit.thaw()
    }
    await untilRelayed()
  })
})

describe.skipIf(noPrivateRabbit)('a paused source that accepts', () => {
  it('is held until it is resumed, and pausing and resuming count within two seconds', async () => {
    await waitFor('a delivery', async () => (await post('held')).status === 202)
    await untilRelayed()
    await broker.purge(broker.topology.queues.webhook)
    await pauseSource(database.db.sql, 'held')
    const pausedAt = Date.now()
    await waitFor('the pause to count', async () => {
      await post('held')
      return (await outboxed()) > 0
    })
    expect(Date.now() - pausedAt).toBeLessThan(2_000)
    const arrivedBefore = await broker.count(broker.topology.queues.webhook)
    const answers = await Promise.all(Array.from({ length: 5 }, () => post('held', 2)))
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([202]))
    expect(await ask('held', answers[0]?.body.id)).toMatchObject({ status: 200, body: { state: 'queued' } })
    expect(await broker.count(broker.topology.queues.webhook)).toBe(arrivedBefore)
    const held = await outboxed()
    await resumeSource(database.db.sql, 'held')
    const resumedAt = Date.now()
    await untilRelayed()
    expect(Date.now() - resumedAt).toBeLessThan(2_500)
    await waitFor(
      'what was held',
      async () => (await broker.count(broker.topology.queues.webhook)) === arrivedBefore + held
    )
  })
})

describe.skipIf(noPrivateRabbit)('asking for a delivery', () => {
  it('is queued at once, then says what became of each record, and why one was rejected', async () => {
    const records = [record('ask-1'), { ...record('ask-2'), price: 'dear' }]
    const { body } = await send(`${gateway.url}/webhooks/crm`, records, {
      'x-api-key': keys['crm']?.key ?? ''
    })
    expect(await ask('crm', body.id)).toMatchObject({
      status: 200,
      body: {
        id: body.id,
        state: 'queued',
        records: [
          { index: 0, outcome: 'queued' },
          { index: 1, outcome: 'queued' }
        ]
      }
    })
    workers.push(await house.startWorker())
    const answer = await waitFor('the end of it', async () => {
      const now = await ask('crm', body.id)
      return now.body.state === 'done' ? now : undefined
    })
    expect(answer.headers.get('cache-control')).toBe('no-store')
    expect(answer.body).toMatchObject({
      id: body.id,
      records: [
        { index: 0, externalId: 'ask-1', outcome: 'created' },
        { index: 1, externalId: 'ask-2', outcome: 'rejected', path: '/price' }
      ]
    })
  })

  it('is 404 for what is not there and for what is another source’s, and 401 without the key', async () => {
    const { body } = await post('crm')
    const unknown = { status: 404, body: { code: 'DELIVERY_UNKNOWN' } }
    expect(await ask('strict', body.id)).toMatchObject(unknown)
    expect(await ask('crm', '019ab0c4-7d1e-7c3a-9f52-6b1d0e8a4c11')).toMatchObject(unknown)
    expect(await ask('crm', 'x')).toMatchObject(unknown)
    expect((await ask('crm', body.id, 'strict')).status).toBe(401)
    expect((await ask('crm', body.id, 'nobody')).status).toBe(401)
  })

  it('is 503 in time without Postgres', async () => {
    const { body } = await post('crm')
    postgres.silence()
    const answer = await ask('crm', body.id)
    expectRefused(answer, 'DELIVERIES_UNAVAILABLE')
    expect(answer.tookMs).toBeLessThan(1_000)
  })
})

describe.skipIf(noPrivateRabbit)('SIGTERM while the outbox is being relayed', () => {
  it('ends with 0, and the next one relays the rest', async () => {
    postgres.restore()
    await waitFor('a delivery', async () => (await post('crm')).status === 202)
    await untilRelayed()
    await startOver()
    await rabbit.freeze()
    await Promise.all(Array.from({ length: 20 }, () => post('crm', 50)))
    const stored = await outboxed()
    await rabbit.thaw()
    await waitFor('some to be relayed', async () => (await outboxed()) < stored)
    const signalledAt = Date.now()
    gateway.signal('SIGTERM')
    expect(await gateway.exit).toEqual({ code: 0, signal: null })
    expect(Date.now() - signalledAt).toBeLessThan(10_000)
    gateway = await house.startGateway()
    await untilRelayed()
    expect(await collect()).toBe(0)
  })
})
