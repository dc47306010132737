import { once } from 'node:events'
import { connect, type AddressInfo, type Socket } from 'node:net'
import { setImmediate as turn } from 'node:timers/promises'
import { fastify, type FastifyInstance } from 'fastify'
import { afterEach, expect, it } from 'vitest'
import { closeConnections } from './close-connections.ts'

const sockets: Socket[] = []
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy()
})

const listening = async (app: FastifyInstance, graceMs: number): Promise<() => Promise<Socket>> => {
  closeConnections(app, graceMs)
  await app.listen({ host: '127.0.0.1', port: 0 })
  const { port } = app.server.address() as AddressInfo
  return async () => {
    const socket = connect(port, '127.0.0.1')
    socket.on('error', () => undefined)
    sockets.push(socket)
    await once(socket, 'connect')
    return socket
  }
}

it('a request in hand is answered, told to hang up, and does not keep the server open', async () => {
  const app = fastify({ return503OnClosing: false })
  const arrived = Promise.withResolvers<void>()
  const goOn = Promise.withResolvers<void>()
  app.get('/', async () => {
    arrived.resolve()
    await goOn.promise
    return 'done'
  })
  const open = await listening(app, 60_000)
  const socket = await open()
  socket.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n')
  await arrived.promise
  const closed = app.close()
  while (app.server.listening) await turn()
  goOn.resolve()
  const [answer] = (await once(socket, 'data')) as [Buffer]
  expect(answer.toString()).toMatch(/^HTTP\/1\.1 200 OK\r\n/)
  expect(answer.toString().toLowerCase()).toContain('connection: close')
  await closed
})

it('connections that send nothing, or only half, are cut after the grace', async () => {
  const app = fastify()
  app.post('/', async () => 'done')
  const open = await listening(app, 200)
  await open()
  const half = await open()
  half.write('POST / HTTP/1.1\r\nhost: x\r\ncontent-type: text/plain\r\ncontent-length: 10\r\n\r\nabc')
  await once(app.server, 'request')
  const startedAt = performance.now()
  await app.close()
  expect(performance.now() - startedAt).toBeLessThan(2_000)
})
