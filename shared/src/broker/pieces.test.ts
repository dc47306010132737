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
  const { add } = createPieces(socket)
  for (const bytes of [1, 2, 3]) add(Buffer.alloc(bytes))
  expect(writes).toEqual([])
  await nextTurn()
  expect(writes).toEqual([[1, 2, 3]])
  add(Buffer.alloc(4))
  await nextTurn()
  expect(writes).toEqual([[1, 2, 3], [4]])
})

it('writes a piece as soon as there is enough for one', async () => {
  const { socket, writes } = recorded()
  const { add } = createPieces(socket)
  for (const bytes of [10_000, 6_383, 1, 5]) add(Buffer.alloc(bytes))
  expect(writes).toEqual([[10_000, 6_383, 1]])
  await nextTurn()
  expect(writes).toEqual([[10_000, 6_383, 1], [5]])
})

it('writes when it is told to, and nothing twice', async () => {
  const { socket, writes } = recorded()
  const { add, flush } = createPieces(socket)
  add(Buffer.alloc(7))
  flush()
  flush()
  expect(writes).toEqual([[7]])
  await nextTurn()
  expect(writes).toEqual([[7]])
})

it('writes nothing to a socket that has ended', async () => {
  const { socket, writes } = recorded()
  const errors: unknown[] = []
  socket.on('error', (error) => errors.push(error))
  const { add } = createPieces(socket)
  add(Buffer.alloc(7))
  socket.end()
  await nextTurn()
  expect([writes, errors]).toEqual([[], []])
})
