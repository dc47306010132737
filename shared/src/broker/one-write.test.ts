import { setImmediate as nextTurn } from 'node:timers/promises'
import { Writable } from 'node:stream'
import { expect, it } from 'vitest'
import { writeOnceATurn } from './one-write.ts'

/** What was written together. */
const recorded = (): { stream: Writable; writes: string[][] } => {
  const writes: string[][] = []
  const stream = new Writable({
    writev: (chunks, done) => {
      writes.push(chunks.map(({ chunk }) => String(chunk)))
      done()
    }
  })
  return { stream, writes }
}

it('writes what one turn brought together, in order, and nothing waits for a later one', async () => {
  const { stream, writes } = recorded()
  writeOnceATurn(stream)
  for (const text of ['a', 'b', 'c']) stream.write(text)
  await nextTurn()
  expect(writes).toEqual([['a', 'b', 'c']])

  stream.write('d')
  stream.end('e')
  await nextTurn()
  expect(writes.flat()).toEqual(['a', 'b', 'c', 'd', 'e'])
})

it('tells each writer when its own bytes are gone, and how full the buffer is', async () => {
  const { stream } = recorded()
  writeOnceATurn(stream)
  const gone: string[] = []
  expect(stream.write('a', () => gone.push('a'))).toBe(true)
  expect(stream.write('x'.repeat(stream.writableHighWaterMark), () => gone.push('x'))).toBe(false)
  expect(gone).toEqual([])
  await nextTurn()
  expect(gone).toEqual(['a', 'x'])
})
