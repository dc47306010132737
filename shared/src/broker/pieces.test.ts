import { setImmediate as nextTurn } from 'node:timers/promises'
import { Writable } from 'node:stream'
import { expect, it } from 'vitest'
import { createPieces } from './pieces.ts'

/** What was written together, by the lengths. */
const recorded = (): { socket: Writable; writes: number[][] } => {
  const writes: number[][] = []
  const socket = new Writable({
    writev: (chunks, done) => {
      writes.push(chunks.map(({ chunk }) => (chunk as Buffer).length))
      done()
    }
  })
  return { socket, writes }
}

it('writes at the end of the turn what it brought, turn after turn', async () => {
  const { socket, writes } = recorded()
  const write = createPieces(socket)
  for (const bytes of [1, 2, 3]) write(Buffer.alloc(bytes))
  expect(writes).toEqual([])
  await nextTurn()
  expect(writes).toEqual([[1, 2, 3]])
  write(Buffer.alloc(4))
  await nextTurn()
  expect(writes).toEqual([[1, 2, 3], [4]])
})

it('writes a piece as soon as there is enough for one', async () => {
  const { socket, writes } = recorded()
  const write = createPieces(socket)
  for (const bytes of [10_000, 6_383, 1, 5]) write(Buffer.alloc(bytes))
  expect(writes).toEqual([[10_000, 6_383, 1]])
  await nextTurn()
  expect(writes).toEqual([[10_000, 6_383, 1], [5]])
})

it('lets nothing that is written past it come first', async () => {
  const { socket, writes } = recorded()
  const write = createPieces(socket)
  write(Buffer.alloc(7))
  socket.write(Buffer.alloc(8))
  write(Buffer.alloc(9))
  await nextTurn()
  expect(writes.flat()).toEqual([7, 8, 9])
})

it('writes nothing to a socket that has ended, and what came before is not held back', async () => {
  const { socket, writes } = recorded()
  const errors: unknown[] = []
  socket.on('error', (error) => errors.push(error))
  const write = createPieces(socket)
  write(Buffer.alloc(7))
  socket.end()
  write(Buffer.alloc(8))
  await nextTurn()
  expect([writes, errors]).toEqual([[[7]], []])
})
