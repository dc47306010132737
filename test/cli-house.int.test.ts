import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, onTestFailed, test } from 'vitest'
import { createTestBroker, type TestBroker } from './support/broker.ts'
import { sluiceProcess, type Said } from './support/cli.ts'
import { createDatabase, type TestDatabase } from './support/database.ts'
import { createHouse, type GatewayProcess, type House } from './support/house.ts'
import { waitFor, type Running, type WaitOptions } from './support/process.ts'
import { services } from './support/services.ts'

/** A vendor set up, fed, corrected and shut out by the command line alone, on the running house. */

let database: TestDatabase
let broker: TestBroker
let house: House
let gateway: GatewayProcess
let running: Record<string, Running> = {}
let folder = ''
/** Every wait ends well before the test does, so that a failure names what it waited for. */
const SOON: WaitOptions = { timeoutMs: 20_000 }
const TEST_TIMEOUT_MS = 150_000
const LOG_TAIL = 3_000
const at = (...args: string[]): Promise<Said> =>
  sluiceProcess(args, {
    env: {
      DATABASE_URL: database.url,
      RABBITMQ_URL: broker.url,
      REDIS_URL: services.redisUrl,
      SLUICE_NAMESPACE: broker.namespace
    }
  })

beforeAll(async () => {
  ;[database, broker, folder] = await Promise.all([
    createDatabase(),
    createTestBroker(),
    mkdtemp(join(tmpdir(), 'sluice-cli-'))
  ])
  house = await createHouse({
    databaseUrl: database.url,
    rabbitUrl: broker.url,
    redisUrl: services.redisUrl,
    namespace: broker.namespace
  })
  const [door, scheduler, worker] = await Promise.all([
    house.startGateway(),
    house.startScheduler(),
    house.startWorker()
  ])
  gateway = door
  running = { gateway, scheduler, worker }
})

// The test sees only commands; why one of them waited in vain stands in the logs of the services.
beforeEach(() => {
  onTestFailed(() => {
    for (const [name, service] of Object.entries(running)) {
      process.stderr.write(`--- ${name}\n${service.output().slice(-LOG_TAIL)}\n`)
    }
  })
})

afterAll(async () => {
  await house.stop()
  await broker.remove()
  await database.drop()
  await rm(folder, { recursive: true })
})

const property = (id: string, price: string): string =>
  `<property><id>${id}</id><date>2026-11-02 10:00:00</date><ref>R${id}</ref><price>${price}</price>
  <currency>EUR</currency><price_freq>sale</price_freq><type>villa</type><town>Altea</town>
  <province>Alicante</province><country>Spain</country><beds>3</beds><baths>2</baths></property>`

const post = async (key: string, record: object): Promise<number> => {
  const { status } = await fetch(`${gateway.url}/webhooks/acme-crm`, {
    method: 'POST',
    headers: { 'x-api-key': key, 'content-type': 'application/json' },
    body: JSON.stringify(record)
  })
  return status
}

test(
  'a vendor with a feed and a webhook, from nothing to an explained offer',
  { timeout: TEST_TIMEOUT_MS },
  async () => {
    const file = join(folder, 'kyero.xml')
    const properties = [property('1', '250000'), property('2', '310000'), '<property><id>3</id></property>']
    await writeFile(
      file,
      `<?xml version="1.0" encoding="utf-8"?><root><kyero><feed_version>3</feed_version></kyero>${properties.join('')}</root>`
    )
    await at('vendors', 'add', 'acme')
    await at('sources', 'add', 'webhook', 'acme-crm', '--vendor', 'acme')
    await at(
      'feeds',
      'add',
      'acme-kyero',
      '--vendor',
      'acme',
      '--format',
      'kyero',
      '--address',
      file,
      '--no-first-run'
    )
    const { key } = (await at('keys', 'create', 'acme-crm', '--json')).json<{ key: { secret: string } }>()

    const said = await at('feeds', 'run', 'acme-kyero', '--json')
    expect([said.code, said.stderr]).toEqual([0, ''])
    expect(said.json()).toMatchObject({
      run: { state: 'done', snapshot: 'complete', recordsSeen: 3, outcomes: { created: 2, rejected: 1 } }
    })
    const { rejections } = (await at('rejections', 'list', '--json')).json<{ rejections: object[] }>()
    expect(rejections).toMatchObject([{ source: 'acme-kyero', offer: '3' }])

    const patch = { id: '1', change: 'patch', price: { amount: 240_000, currency: 'EUR', period: 'total' } }
    expect(await post(key.secret, patch)).toBe(202)
    const explained = await waitFor(
      'the patch to be applied',
      async () => {
        const { units } = (await at('offers', 'explain', 'acme', '1', '--json')).json<{
          units: { unit: string; source: string }[]
        }>()
        return units.some(({ unit, source }) => unit === 'listPrice' && source === 'acme-crm') && units
      },
      SOON
    )
    expect(explained).toContainEqual(expect.objectContaining({ unit: 'transaction', source: 'acme-kyero' }))

    const again = await at('feeds', 'run', 'acme-kyero', '--json')
    expect(again.json()).toMatchObject({ run: { state: 'done', published: 0 } })
  }
)

test('an edit is obeyed by a running gateway at once', { timeout: TEST_TIMEOUT_MS }, async () => {
  const { key } = (await at('keys', 'create', 'acme-crm', '--json')).json<{
    key: { secret: string; prefix: string }
  }>()
  const record = { id: '9', change: 'withdraw' }
  await waitFor('the new key to open', async () => (await post(key.secret, record)) === 202, SOON)
  await at('sources', 'pause', 'acme-crm')
  await waitFor('the pause', async () => (await post(key.secret, record)) === 503, SOON)
  await at('sources', 'resume', 'acme-crm')
  await waitFor('the end of the pause', async () => (await post(key.secret, record)) === 202, SOON)
  await at('keys', 'revoke', key.prefix)
  await waitFor('the revocation', async () => (await post(key.secret, record)) === 401, SOON)
  await waitFor(
    'the use of the key to be noted',
    async () => {
      const { keys } = (await at('keys', 'list', '--json')).json<{
        keys: { prefix: string; lastUsedAt: unknown }[]
      }>()
      return keys.find(({ prefix }) => prefix === key.prefix)?.lastUsedAt
    },
    SOON
  )
})
