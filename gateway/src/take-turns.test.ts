import { once } from 'node:events'
import { connect, type AddressInfo } from 'node:net'
import { setImmediate as turn } from 'node:timers/promises'
import { fastify, type FastifyInstance } from 'fastify'
import { afterEach, expect, test } from 'vitest'
import { Refusal } from './errors.ts'
import { takeTurns } from './take-turns.ts'
import { createTurnstile, type Turnstile } from './turnstile.ts'

let app: FastifyInstance
afterEach(() => app.close())

/** Tells when each request was there, and when it was worked on. */
const build = async (turnstile: Turnstile) => {
  const worked: { arrivedMs: number; beganMs: number }[] = []
  app = fastify()
  app.decorateRequest('response')
  app.addHook('onRequest', (request, reply, done) => {
    request.response = reply.raw
    done()
  })
  takeTurns(app, turnstile)
  app.setErrorHandler((error, _request, reply) =>
    reply.code(error instanceof Refusal ? error.status : 500).send({ code: (error as Refusal).code })
  )
  app.get('/', async ({ arrival }) => {
    worked.push({ arrivedMs: arrival.steadyMs, beganMs: performance.now() })
    return 'done'
  })
  await app.ready()
  return worked
}

/** Others before us, each of whom takes a while. */
const fill = (turnstile: Turnstile, count: number, eachMs = 0): number[] => {
  const beganMs: number[] = []
  for (let number = 0; number < count; number += 1) {
    turnstile.enter({}, () => {
      beganMs.push(performance.now())
      while (performance.now() < (beganMs.at(-1) ?? 0) + eachMs);
    })
  }
  return beganMs
}

test('a request waits for those before it, and its time counts from when it was there', async () => {
  const turnstile = createTurnstile({ aTurn: 1, mostWaiting: 1_000 })
  const worked = await build(turnstile)
  const others = fill(turnstile, 300)
  expect((await app.inject('/')).statusCode).toBe(200)
  expect(others).toHaveLength(300)
  expect(worked[0]?.beganMs).toBeGreaterThanOrEqual(others.at(-1) ?? 0)
  expect(worked[0]?.arrivedMs).toBeLessThan(others[150] ?? 0)
})

test('with many in line, the second of a connection is told to come again', async () => {
  const turnstile = createTurnstile({ aTurn: 1, mostWaiting: 10 })
  const worked = await build(turnstile)
  await app.listen({ host: '127.0.0.1', port: 0 })
  const socket = connect((app.server.address() as AddressInfo).port).setEncoding('utf8')
  await once(socket, 'connect')
  fill(turnstile, 30, 1)
  socket.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n'.repeat(2))
  let heard = ''
  for await (const text of socket) if ((heard += String(text)).includes('GATEWAY_BUSY')) break
  expect(heard.match(/(?<=HTTP\/1\.1 )\d+/g)).toEqual(['200', '503'])
  expect(worked).toHaveLength(1)
})

test('who has waited for too long is told to come again', async () => {
  const turnstile = createTurnstile({ aTurn: 1, mostWaiting: 1_000 })
  const worked = await build(turnstile)
  fill(turnstile, 450, 1)
  expect((await app.inject('/')).json()).toEqual({ code: 'GATEWAY_BUSY' })
  expect(worked).toEqual([])
})

test('of one whose sender has hung up nothing is done', async () => {
  const turnstile = createTurnstile({ aTurn: 1, mostWaiting: 1_000 })
  const worked = await build(turnstile)
  await app.listen({ host: '127.0.0.1', port: 0 })
  const { port } = app.server.address() as AddressInfo
  const sockets = [connect(port), connect(port)]
  await Promise.all(sockets.map((socket) => once(socket, 'connect')))
  const others = fill(turnstile, 60, 1)
  for (const socket of sockets) socket.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n'.repeat(2))
  while (turnstile.waiting + others.length < 64) await turn()
  const [gone, stays] = sockets
  gone?.destroy()
  while (worked.length < 2 || turnstile.waiting > 0) await turn()
  expect(worked).toHaveLength(2)
  stays?.destroy()
})
