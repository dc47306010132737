import fc from 'fast-check'
import { expect, test } from 'vitest'
import { fromMessage, stampOf, toMessage } from '@sluice/shared/envelope'
import { stampParts, toStamp } from '@sluice/shared/stamp'
import { toExpired } from './expired.ts'

const parts = fc.record({
  factAt: fc.integer({ min: 1, max: 5 }),
  receivedAt: fc.integer({ min: 1, max: 5 }),
  ordinal: fc.integer({ min: 0, max: 3 }),
  formatVersion: fc.integer({ min: 1, max: 3 }),
  recordHash: fc.constantFrom('0'.repeat(64), '7a'.repeat(32), 'f'.repeat(64))
})
const wordOf = (stamp: string) =>
  toExpired({
    sourceId: 1,
    externalId: 'x'.repeat(255),
    stamp,
    expiresAt: 1_797_724_800_000_000,
    runId: '12',
    vendorSlug: 'acme',
    sourceSlug: 'acme-yrl',
    format: 'yandex-yrl',
    sourceRevision: 3
  })

test('the word that a time is over stands just behind the record that says when', () => {
  fc.assert(
    fc.property(parts, parts, (of, other) => {
      const [record, second] = [toStamp(of), toStamp(other)]
      const word = stampOf(wordOf(record))
      expect(word > record).toBe(true)
      const [a, b] = [stampParts(record), stampParts(second)]
      const isOfAnotherDelivery = a.factAt !== b.factAt || a.receivedAt !== b.receivedAt
      if (isOfAnotherDelivery) expect(word > second).toBe(record > second)
    })
  )
})

test('it is the same whoever sends it, and fits on the wire', () => {
  const stamp = toStamp({
    factAt: 5,
    receivedAt: 9,
    ordinal: 2,
    formatVersion: 4,
    recordHash: 'ab'.repeat(32)
  })
  expect(wordOf(stamp)).toEqual(wordOf(stamp))
  const message = toMessage(wordOf(stamp), 'records')
  expect(Buffer.byteLength(message.properties.messageId)).toBeLessThan(255)
  expect(fromMessage(message)).toEqual(wordOf(stamp))
})
