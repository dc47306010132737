import { once } from 'node:events'
import { connect } from 'node:net'
import { setImmediate as turn } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { expect, it } from 'vitest'
import { bounded } from './bounded.ts'

/** Answers what it is sent a little later, whatever this thread does. */
const ECHO = `
  const { createServer } = require('node:net')
  const server = createServer((socket) => socket.on('data', (chunk) => setTimeout(() => socket.write(chunk), 20)))
  server.listen(0, '127.0.0.1', () => require('node:worker_threads').parentPort.postMessage(server.address().port))`

it('is the result in time, or an error that names what took too long', async () => {
  expect(await bounded(Promise.resolve(7), 10, 'seven')).toBe(7)
  await expect(bounded(new Promise(() => undefined), 10, 'nothing')).rejects.toThrow(
    'nothing took longer than 10 ms'
  )
})

it('counts an answer that is there already when the process was held up', async () => {
  const worker = new Worker(ECHO, { eval: true })
  const [port] = (await once(worker, 'message')) as [number]
  const socket = connect(port, '127.0.0.1')
  await once(socket, 'connect')
  const answer = bounded(once(socket, 'data'), 50, 'the answer')
  socket.write('x')
  await turn() // it has left
  const until = performance.now() + 150
  while (performance.now() < until);
  await expect(answer).resolves.toHaveLength(1)
  socket.destroy()
  await worker.terminate()
})
