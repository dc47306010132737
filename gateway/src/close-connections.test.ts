import { once } from 'node:events'
import { connect, type AddressInfo, type Socket } from 'node:net'
import { setImmediate as turn } from 'node:timers/promises'
import { fastify, type FastifyInstance } from 'fastify'
import { afterEach, expect, it } from 'vitest'
import { closeConnections, stopListening, type ClosingTimes } from './close-connections.ts'

const REQUEST = 'GET / HTTP/1.1\r\nhost: x\r\n\r\n'

const sockets: Socket[] = []
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy()
})

const listening = async (app: FastifyInstance, times: ClosingTimes): Promise<() => Socket> => {
  closeConnections(app, times)
  await app.listen({ host: '127.0.0.1', port: 0 })
  const { port } = app.server.address() as AddressInfo
  return () => {
    const socket = connect(port, '127.0.0.1')
    socket.on('error', () => undefined)
    sockets.push(socket)
    return socket
  }
}

/** As the gateway stops. */
const close = async (app: FastifyInstance): Promise<void> => {
  await stopListening(app.server)
  await app.close()
}

/** All the other side ever says on this connection; ends when it hangs up. */
const answerOn = async (socket: Socket): Promise<string> => {
  const chunks: Buffer[] = []
  socket.on('data', (chunk: Buffer) => chunks.push(chunk))
  await once(socket, 'close')
  return Buffer.concat(chunks).toString()
}

const ANSWERED_AND_LEFT = /^HTTP\/1\.1 200 OK\r\n[^]*connection: close\r\n[^]*done$/i

it('a request in hand is answered, told to hang up, and does not keep the server open', async () => {
  const app = fastify({ return503OnClosing: false })
  const arrived = Promise.withResolvers<void>()
  const goOn = Promise.withResolvers<void>()
  app.get('/', async () => {
    arrived.resolve()
    await goOn.promise
    return 'done'
  })
  const open = await listening(app, { idleMs: 60_000, endMs: 60_000 })
  const socket = open()
  const answer = answerOn(socket)
  socket.write(REQUEST)
  await arrived.promise
  const closed = close(app)
  while (app.server.listening) await turn()
  goOn.resolve()
  expect(await answer).toMatch(ANSWERED_AND_LEFT)
  await closed
})

it('a request that comes on an idle connection while closing is answered', async () => {
  const app = fastify({ return503OnClosing: false })
  app.get('/', async () => 'done')
  const open = await listening(app, { idleMs: 60_000, endMs: 60_000 })
  const socket = open()
  socket.write(REQUEST)
  await once(socket, 'data') // and from here on the connection is idle
  const answer = answerOn(socket)
  const closed = close(app)
  while (app.server.listening) await turn()
  socket.write(REQUEST)
  expect(await answer).toMatch(ANSWERED_AND_LEFT)
  await closed
})

it('connections that stood in line when it began are taken and answered', async () => {
  const app = fastify({ return503OnClosing: false })
  app.get('/', async () => 'done')
  const open = await listening(app, { idleMs: 100, endMs: 60_000 })
  const answers = Array.from({ length: 20 }, () => {
    const socket = open()
    socket.write(REQUEST)
    return answerOn(socket)
  })
  const closed = close(app)
  for (const answer of await Promise.all(answers)) expect(answer).toMatch(/^HTTP\/1\.1 200 OK\r\n[^]*done$/)
  await closed
})

it('once it has stopped listening, who connects is refused', async () => {
  const app = fastify()
  const open = await listening(app, { idleMs: 0, endMs: 0 })
  await stopListening(app.server)
  const [error] = (await once(open(), 'error')) as [NodeJS.ErrnoException]
  expect(error.code).toBe('ECONNREFUSED')
  await app.close()
})

it('who is idle is hung up on after its time, who sent only half at the end', async () => {
  const app = fastify()
  app.get('/', async () => 'done')
  app.post('/', async () => 'done')
  const open = await listening(app, { idleMs: 100, endMs: 400 })
  const idle = open()
  idle.write(REQUEST)
  await once(idle, 'data')
  const half = open()
  half.write('POST / HTTP/1.1\r\nhost: x\r\ncontent-type: text/plain\r\ncontent-length: 10\r\n\r\nabc')
  await once(app.server, 'request')
  const startedAt = performance.now()
  const leftAfter = Promise.all(
    [idle, half].map(async (socket) => {
      await once(socket, 'close')
      return performance.now() - startedAt
    })
  )
  await close(app)
  const [idleLeft = 0, halfLeft = 0] = await leftAfter
  expect(idleLeft).toBeGreaterThanOrEqual(100)
  expect(halfLeft).toBeGreaterThanOrEqual(400)
  expect(halfLeft).toBeGreaterThan(idleLeft)
})
