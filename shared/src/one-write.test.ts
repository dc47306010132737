import { setImmediate as nextTurn } from 'node:timers/promises'
import { Writable, type WritableOptions } from 'node:stream'
import { expect, it } from 'vitest'
import { writeOnceATurn } from './one-write.ts'

/** What was written together. */
const recorded = (options: WritableOptions = {}): { stream: Writable; writes: string[][] } => {
  const writes: string[][] = []
  const stream = new Writable({
    ...options,
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

it('lets the other side begin while a turn goes on that brings much', async () => {
  const { stream, writes } = recorded()
  writeOnceATurn(stream)
  const [large, small] = ['x'.repeat(10_000), 'y']
  for (const text of [large, large, small]) stream.write(text)
  expect(writes).toEqual([[large, large]])
  await nextTurn()
  expect(writes).toEqual([[large, large], [small]])
})

it('tells each writer when its own bytes are gone, and how full the buffer is', async () => {
  const { stream } = recorded({ highWaterMark: 8_000 })
  writeOnceATurn(stream)
  const gone: string[] = []
  expect(stream.write('a', () => gone.push('a'))).toBe(true)
  expect(stream.write('x'.repeat(8_000), () => gone.push('x'))).toBe(false)
  expect(gone).toEqual([])
  await nextTurn()
  expect(gone).toEqual(['a', 'x'])
})
