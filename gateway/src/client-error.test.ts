import { createServer } from 'node:http'
import { connect, type AddressInfo, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { createLogger } from '@sluice/shared/log'
import { answerClientError } from './client-error.ts'

const log = createLogger({ service: 'test', level: 'silent' })

it('a sender too slow for its headers is answered, and cut even if it never hangs up', async () => {
  const server = createServer({ headersTimeout: 100, requestTimeout: 100, connectionsCheckingInterval: 50 })
  server.on('clientError', (error: NodeJS.ErrnoException, socket) =>
    answerClientError(log, error, socket as Socket, 50)
  )
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
