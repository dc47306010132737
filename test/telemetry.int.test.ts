import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { toMessage } from '../worker/src/message.ts'
import { addKey, send } from './support/gateway.ts'
import { createHouse } from './support/house.ts'
import { waitFor } from './support/process.ts'
import { createWorkshop, flat, type RunningWorker, type Workshop } from './support/workshop.ts'

let shop: Workshop
beforeAll(async () => {
  shop = await createWorkshop()
})
afterAll(() => shop.remove())

describe('one trace', () => {
  const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736'
  const traceparent = `00-${TRACE}-00f067aa0ba902b7-01`

  test('goes from the request through both services and the SQL to the stream out', async () => {
    // What the server itself was asked, comments and all.
    for (const statement of [
      'CREATE TABLE asked (query text)',
      `CREATE FUNCTION note_asked() RETURNS trigger LANGUAGE plpgsql AS
       'BEGIN INSERT INTO asked VALUES (current_query()); RETURN NULL; END'`,
      'CREATE TRIGGER note AFTER INSERT OR UPDATE ON offers FOR EACH STATEMENT EXECUTE FUNCTION note_asked()'
    ]) {
      await shop.database.db.sql.$executeRawUnsafe(statement)
    }
    const queue = await shop.broker.addQueue('traced')
    await shop.broker.bind(queue, shop.broker.topology.exchanges.offers, '#')
    const house = await createHouse({
      databaseUrl: shop.database.url,
      rabbitUrl: shop.broker.url,
      redisUrl: shop.env['REDIS_URL'] ?? '',
      namespace: shop.broker.namespace
    })
    try {
      const [gateway, worker] = await Promise.all([house.startGateway(), house.startWorker()])
      const [source] = await shop.query<{ id: number }>(`SELECT id FROM sources WHERE slug = 'crm'`)
      const { key } = await addKey(shop.database.db, source?.id ?? 0)
      const accepted = await send(`${gateway.url}/webhooks/crm`, flat('traced'), {
        'x-api-key': key,
        traceparent
      })
      expect(accepted.status).toBe(202)
      await waitFor('the change in the stream', async () => (await shop.broker.count(queue)) === 1)

      // Lines leave a process in blocks, up to 50 ms after what they tell of.
      const told = (service: Pick<typeof worker, 'lines'>, line: string) =>
        waitFor(`"${line}" to be told`, () => service.lines().find(({ msg }) => msg === line))
      expect(await told(gateway, 'hook accepted')).toMatchObject({ traceparent })
      expect(await told(worker, 'batch settled')).toMatchObject({
        size: 1,
        created: 1,
        traceIds: [TRACE]
      })
      const [asked] = await shop.query<{ query: string }>('SELECT query FROM asked')
      expect(asked?.query).toContain(`/*traceparent='${traceparent}'*/`)
      const [message] = await shop.broker.take(queue)
      expect(message?.properties.headers).toMatchObject({ traceparent })
    } finally {
      await house.stop()
      await shop.database.db.sql.$executeRawUnsafe('DROP TRIGGER note ON offers')
    }
  })
})

describe('the figures of a worker', () => {
  let worker: RunningWorker
  beforeAll(async () => {
    worker = await shop.startWorker({
      env: { WORKER_METRICS_PORT: '0' },
      interpret: (envelope, source) => {
        if (envelope.externalId === 'bug') throw new Error('a bug of the format')
        return toMessage(envelope, source)
      }
    })
  })
  afterAll(() => worker.stop())

  const scrape = async (): Promise<string> =>
    (await fetch(`http://127.0.0.1:${worker.metricsPort}/metrics`)).text()
  const figure = async (name: string): Promise<number> => {
    const line = (await scrape()).split('\n').find((each) => each.startsWith(`${name} `))
    return line === undefined ? NaN : Number(line.slice(name.length + 1))
  }

  test('tell what became of messages, how long it took from receipt, and what waits in the stream', async () => {
    await shop.send(
      shop.hook('m.1', flat('figures'), 10),
      shop.hook('m.2', flat('figures'), 10, { 'received-at': '2020-01-01T00:00:00.000000Z' }),
      shop.hook('m.3', { id: 'figures-2' }, 10)
    )
    await shop.waitForOutcomes('m.1', 'm.2', 'm.3')
    const count = 'sluice_worker_critical_time_seconds_count{lane="webhook"}'
    await waitFor('three to be counted', async () => (await figure(count)) === 3)
    expect(await figure('sluice_worker_messages_total{lane="webhook",outcome="created"}')).toBe(1)
    expect(await figure('sluice_worker_messages_total{lane="webhook",outcome="rejected"}')).toBe(1)
    // The one received years ago is in no bucket but the last.
    const bucket = (bound: string) =>
      `sluice_worker_critical_time_seconds_bucket{le="${bound}",lane="webhook"}`
    expect(await figure(bucket('7200'))).toBe(2)
    expect(await figure(bucket('+Inf'))).toBe(3)
    expect(await figure(bucket('10'))).toBe(2)

    await waitFor(
      'the change to be published',
      async () => (await figure('sluice_worker_stream_published_total')) >= 1
    )
    expect(await figure('sluice_worker_stream_leading')).toBe(1)
    expect(await figure('sluice_worker_circuit_open')).toBe(0)
    await waitFor(
      'nothing to wait',
      async () => (await figure('sluice_worker_stream_unpublished_changes')) === 0
    )
    expect(await figure('sluice_worker_stream_oldest_unpublished_seconds')).toBe(0)
    expect(await figure('sluice_worker_held_deliveries{lane="webhook"}')).toBe(0)
  })

  test('count what is sent up the ladder by step, and the dead', async () => {
    await shop.send(
      shop.hook('m.4', flat('bug'), 10),
      shop.hook('m.5', flat('alien'), 10, { format: 'alien' })
    )
    await waitFor('the copy', async () => (await figure('sluice_worker_retries_total{step="5s"}')) === 1)
    await waitFor('the dead', async () => (await figure('sluice_worker_dead_letters_total')) === 1)
    expect(await figure('sluice_worker_messages_total{lane="webhook",outcome="retried"}')).toBe(1)
    expect(await figure('sluice_worker_messages_total{lane="webhook",outcome="dead"}')).toBe(1)
  })

  test('name no source, no id and nothing a vendor chose', async () => {
    const ours = (await scrape()).split('\n').filter((line) => line.startsWith('sluice_'))
    const labels = new Set(ours.flatMap((line) => [...line.matchAll(/(\w+)="/g)].map(([, name]) => name)))
    expect(labels).toEqual(new Set(['lane', 'le', 'outcome', 'step']))
  })
})
