import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import type { NewKey } from '@sluice/shared/keys'
import { createTestBroker, type TestBroker } from './support/broker.ts'
import { createDatabase, type TestDatabase } from './support/database.ts'
import { addSource, send, type Answer } from './support/gateway.ts'
import { createHouse, type GatewayProcess, type House } from './support/house.ts'
import { waitFor } from './support/process.ts'
import { services } from './support/services.ts'

/** Strangers who take connections, time and memory: what they can have is bounded, and valid senders are served. */

let broker: TestBroker
let database: TestDatabase
let crm: NewKey
let house: House
const sockets: Socket[] = []

beforeAll(async () => {
  ;[broker, database] = await Promise.all([createTestBroker(), createDatabase()])
  crm = await addSource(database.db, { slug: 'crm' })
  house = await createHouse({
    databaseUrl: database.url,
    rabbitUrl: broker.url,
    redisUrl: services.redisUrl,
    namespace: broker.namespace
  })
})

afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy()
})

afterAll(async () => {
  await house.stop()
  await broker.remove()
  await database.drop()
})

const startGateway = async (env: Record<string, string>): Promise<GatewayProcess> => {
  const gateway = await house.startGateway({ env })
  await waitFor('a delivery', async () => (await post(gateway)).status === 202)
  return gateway
}

const post = (gateway: GatewayProcess): Promise<Answer> =>
  send(`${gateway.url}/webhooks/crm`, { id: 'a' }, { 'x-api-key': crm.key })

interface Stranger {
  socket: Socket
  /** All that was answered so far. */
  heard: () => string
}

const openTo = async ({ url }: GatewayProcess): Promise<Stranger> => {
  const socket = connect(Number(new URL(url).port), '127.0.0.1')
  sockets.push(socket)
  socket.on('error', () => undefined)
  let heard = ''
  socket.setEncoding('utf8').on('data', (text: string) => (heard += text))
  await once(socket, 'connect')
  return { socket, heard: () => heard }
}

const SLOW_HEADERS = 'POST /webhooks/crm HTTP/1.1\r\nhost: x\r\n'
const SLOW_BODY = `${SLOW_HEADERS}content-type: application/json\r\ncontent-length: 1000000\r\n\r\n["${'x'.repeat(100_000)}`

it('five hundred who send slowly, headers and bodies, keep no valid sender out', async () => {
  const gateway = await startGateway({ GATEWAY_MAX_BODIES_MIB: '4' })
  const strangers = await Promise.all(Array.from({ length: 500 }, () => openTo(gateway)))
  for (const [index, { socket }] of strangers.entries()) {
    socket.write(index % 2 === 0 ? SLOW_HEADERS : SLOW_BODY) // of bodies 25 MB, where there is room for 4 MiB
  }
  const turnedOut = (): Stranger[] => strangers.filter(({ heard }) => heard().includes('"GATEWAY_BUSY"'))
  await waitFor('the slowest to be turned out', () => turnedOut().length > 200)
  for (let n = 0; n < 50; n++) expect(await post(gateway)).toMatchObject({ status: 202 })
  expect(turnedOut().length).toBeLessThan(250) // the others still have what room there is
  for (const { heard } of turnedOut()) {
    expect(heard()).toMatch(/^HTTP\/1\.1 503 .*\r\n/)
    expect(heard().toLowerCase()).toContain('retry-after: 1\r\n')
  }
})

it('who sends thousands at once on one connection is turned away beyond the line, and no valid sender waits for all of it', async () => {
  const gateway = await startGateway({})
  const stranger = await openTo(gateway)
  const request = 'POST /webhooks/crm HTTP/1.1\r\nhost: x\r\nx-api-key: wrong\r\ncontent-length: 0\r\n\r\n'
  const count = 20_000
  stranger.socket.write(request.repeat(count))
  const statuses = (): string[] => stranger.heard().match(/(?<=HTTP\/1\.1 )\d{3}/g) ?? []
  await waitFor('the first answers', () => statuses().length > 0)
  expect(await post(gateway)).toMatchObject({ status: 202 })
  expect(statuses().length).toBeLessThan(count)
  await waitFor('all of them', () => statuses().length === count, { timeoutMs: 60_000 })
  expect(new Set(statuses())).toEqual(new Set(['401', '429', '503']))
  expect(stranger.heard()).toContain('"GATEWAY_BUSY"')
})

it('beyond its connections further ones are hung up on, until those who say nothing have lost theirs', async () => {
  const gateway = await startGateway({ GATEWAY_MAX_CONNECTIONS: '20' })
  const silent = await Promise.all(Array.from({ length: 25 }, () => openTo(gateway)))
  await waitFor('those too many to be hung up on', () => silent.some(({ socket }) => socket.closed))
  expect(silent.filter(({ socket }) => socket.closed).every(({ heard }) => heard() === '')).toBe(true)
  await waitFor('it to be said', () =>
    gateway.lines().some(({ msg, max }) => max === 20 && String(msg).startsWith('too many'))
  )
  await waitFor('those who say nothing to lose theirs', () =>
    silent.some(({ heard }) => heard().startsWith('HTTP/1.1 408'))
  )
  // They are told before they are gone: whoever comes in between is still one too many.
  await waitFor('an answer', async () => {
    const next = await openTo(gateway)
    next.socket.write('GET /livez HTTP/1.1\r\nhost: x\r\n\r\n')
    await waitFor('it, or the end', () => next.heard() !== '' || next.socket.closed)
    return next.heard().startsWith('HTTP/1.1 200')
  })
})
