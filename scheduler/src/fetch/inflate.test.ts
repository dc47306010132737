import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { gzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { inflate } from './inflate.ts'

const MIB = 1024 * 1024

test('what was compressed comes back, and a little text of nothing but blanks too', async () => {
  for (const text of ['<root/>', ' '.repeat(MIB)]) {
    expect((await buffer(inflate(Readable.from([gzipSync(text)])))).toString()).toBe(text)
  }
})

test('a bomb is given up long before it is through', async () => {
  let bytes = 0
  const inflating = inflate(Readable.from([gzipSync(Buffer.alloc(64 * MIB))]))
  const reading = async (): Promise<void> => {
    for await (const chunk of inflating) bytes += (chunk as Buffer).length
  }
  await expect(reading()).rejects.toMatchObject({ code: 'FETCH_INFLATE_RATIO' })
  expect(bytes).toBeLessThan(16 * MIB)
})

test('what was cut off, or is no gzip, is an error', async () => {
  const whole = gzipSync('<root>'.repeat(1_000))
  await expect(buffer(inflate(Readable.from([whole.subarray(0, -9)])))).rejects.toThrow('unexpected end')
  await expect(buffer(inflate(Readable.from([Buffer.from('<root/>')])))).rejects.toThrow('header')
})
