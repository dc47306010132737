import { createServer } from 'node:http'
import { connect, type AddressInfo, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { createLogger } from '@sluice/shared/log'
import { answerClientError } from './client-error.ts'
import { createInHand } from './in-hand.ts'

const log = createLogger({ service: 'test', level: 'silent' })

it('a sender too slow for its headers is answered, and cut even if it never hangs up', async () => {
  const server = createServer({ headersTimeout: 100, requestTimeout: 100, connectionsCheckingInterval: 50 })
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    void answerClientError(
      { log, sample: () => 0, inHand: createInHand(server), lingerMs: 50 },
      error,
      socket as Socket
    )
  })
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const client = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
  client.on('error', () => undefined)
  const ended = new Promise<string>((resolve) => {
    let answer = ''
    client.setEncoding('utf8')
    client.on('data', (text: string) => (answer += text))
    client.on('end', () => resolve(answer))
  })
  client.write('POST / HTTP/1.1\r\nHost: x\r\nContent-Le')

  expect(await ended).toMatch(/^HTTP\/1\.1 408 [^]*"code":"REQUEST_TIMEOUT"/)
  const open = (): Promise<number> =>
    new Promise((resolve) => server.getConnections((_error, count) => resolve(count)))
  for (let tries = 0; tries < 100 && (await open()) > 0; tries++) await sleep(20)
  expect(await open()).toBe(0)
  client.destroy()
  server.close()
})

it('a broken request behind sound ones is answered after them, and once', async () => {
  const server = createServer()
  const inHand = createInHand(server)
  const broken = Promise.withResolvers<void>()
  server.on('request', (request, response) => {
    request.resume()
    void broken.promise.then(() => response.end('done'))
  })
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    void answerClientError({ log, sample: () => 0, inHand }, error, socket as Socket)
    broken.resolve()
  })
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const client = connect({ port, host: '127.0.0.1' })
  const answer = readAll(client)
  const sound = 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n'
  client.write(`${sound}${sound}NONSENSE\r\n\r\n`)
  await broken.promise
  client.write('and more of it')

  const statuses = [...(await answer).matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => status)
  expect(statuses).toEqual(['200', '200', '400'])
  server.close()
})

it('a request that breaks off in its body is answered, though it was begun', async () => {
  const server = createServer()
  const inHand = createInHand(server)
  server.on('request', (request) => request.resume())
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    void answerClientError({ log, sample: () => 0, inHand }, error, socket as Socket)
  })
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const client = connect({ port, host: '127.0.0.1' })
  const answer = readAll(client)
  client.write('POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nNONSENSE\r\n')
  expect(await answer).toMatch(/^HTTP\/1\.1 400 /)
  server.close()
})

const readAll = async (client: Socket): Promise<string> => {
  let answer = ''
  for await (const chunk of client.setEncoding('utf8')) answer += String(chunk)
  return answer
}
