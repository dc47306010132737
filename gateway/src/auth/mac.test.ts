import { createHmac } from 'node:crypto'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { macOf, toMacKey } from './mac.ts'

const bytes = (minLength: number, maxLength: number): fc.Arbitrary<Buffer> =>
  fc.uint8Array({ minLength, maxLength }).map((array) => Buffer.from(array))

it('is what Node makes of the same secret and message, whatever their lengths', () => {
  fc.assert(
    fc.property(
      fc.constantFrom('sha256', 'sha512'),
      fc.constantFrom('hex', 'base64', 'base64url'),
      bytes(1, 200),
      fc.array(bytes(0, 300), { maxLength: 4 }),
      (algorithm, encoding, secret, parts) => {
        const theirs = createHmac(algorithm, secret)
        for (const part of parts) theirs.update(part)
        expect(macOf(toMacKey(algorithm, secret), parts, encoding)).toBe(theirs.digest(encoding))
      }
    ),
    { numRuns: 2_000 }
  )
})

// RFC 4231, test cases 2 and 6.
it.each([
  [
    Buffer.from('Jefe'),
    'what do ya want for nothing?',
    '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843'
  ],
  [
    Buffer.alloc(131, 0xaa),
    'Test Using Larger Than Block-Size Key - Hash Key First',
    '60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54'
  ]
])('is what the RFC says', (secret, message, expected) => {
  expect(macOf(toMacKey('sha256', secret), [Buffer.from(message)], 'hex')).toBe(expected)
})
