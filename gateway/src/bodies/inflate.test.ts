import { deflateRawSync, deflateSync, gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { MAX_BODY_BYTES } from '../limits.ts'
import { inflate } from './inflate.ts'

const codeOf = (act: () => unknown): unknown => {
  try {
    act()
  } catch (thrown) {
    return (thrown as { code?: unknown }).code
  }
  return undefined
}

describe('a compressed body', () => {
  it.each([
    ['gzip', gzipSync],
    ['X-GZIP ', gzipSync],
    ['deflate', deflateSync],
    ['deflate', deflateRawSync],
    ['identity', (bytes: Uint8Array) => Buffer.from(bytes)],
    [undefined, (bytes: Uint8Array) => Buffer.from(bytes)]
  ])('%s comes back byte for byte', (encoding, deflate) => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 2_000 }), (bytes) => {
        expect(inflate(deflate(bytes), encoding)).toEqual(Buffer.from(bytes))
      }),
      { numRuns: 200 }
    )
  })

  it('may be as large as a plain one, and not one byte larger', () => {
    for (const [encoding, deflate] of [
      ['gzip', gzipSync],
      ['deflate', deflateSync]
    ] as const) {
      expect(inflate(deflate(Buffer.alloc(MAX_BODY_BYTES)), encoding)).toHaveLength(MAX_BODY_BYTES)
      expect(codeOf(() => inflate(deflate(Buffer.alloc(MAX_BODY_BYTES + 1)), encoding))).toBe(
        'BODY_TOO_LARGE'
      )
    }
  })

  it('a bomb is let go before it goes off', () => {
    const bomb = gzipSync(Buffer.alloc(300 * MAX_BODY_BYTES))
    const before = process.memoryUsage.rss()
    expect(codeOf(() => inflate(bomb, 'gzip'))).toBe('BODY_TOO_LARGE')
    expect(process.memoryUsage.rss() - before).toBeLessThan(50 * MAX_BODY_BYTES)
  })

  it('is refused when it is damaged, cut short, or goes on behind its end', () => {
    const whole = gzipSync('{"id":"a","name":"Варна"}')
    for (let length = 0; length < whole.length; length++) {
      expect(codeOf(() => inflate(whole.subarray(0, length), 'gzip'))).toBe('BODY_MALFORMED')
    }
    for (const tail of [Buffer.from('junk'), Buffer.from([0]), Buffer.from([0, 1, 2])]) {
      expect(codeOf(() => inflate(Buffer.concat([whole, tail]), 'gzip'))).toBe('BODY_MALFORMED')
      expect(codeOf(() => inflate(Buffer.concat([deflateSync('{}'), tail]), 'deflate'))).toBe(
        'BODY_MALFORMED'
      )
    }
    const flipped = Buffer.from(whole)
    flipped.writeUInt8(flipped.readUInt8(whole.length - 6) ^ 1, whole.length - 6) // its checksum
    expect(codeOf(() => inflate(flipped, 'gzip'))).toBe('BODY_MALFORMED')
  })

  it.each(['br', 'zstd', 'gzip, gzip', 'nonsense', '__proto__'])('%s is not read', (encoding) => {
    expect(codeOf(() => inflate(gzipSync('{}'), encoding))).toBe('CONTENT_ENCODING_UNSUPPORTED')
  })
})
